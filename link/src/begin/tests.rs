//! Links over TLS on this machine.

use std::path::PathBuf;
use std::sync::Arc;

use acequia_tls::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::frame::{FromDoor, FromOwner};
use crate::handshake::{Refused, Role};
use crate::tls::PROTOCOL;

const TOKEN: &[u8] = b"a token of the cluster";

fn hello(role: Role) -> Hello {
    Hello { role, door: [1; 16], link: 1, name: "door-1".to_owned() }
}

fn welcome(_: &Hello) -> Result<Welcome, Refused> {
    let server = "acequia 1.0.0".to_owned();
    Ok(Welcome { epoch: 1, server, result_bytes_max: 8 << 20, adoption_ms: 2_000 })
}

fn self_made() -> LinkTls {
    LinkTls::self_made().expect("a certificate")
}

/// A listener, and its address by this host.
async fn listener(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, format!("{host}:{port}"))
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

type Ends = (Result<(TcpLink, Welcome), LinkError>, Result<(TcpLink, Hello), LinkError>);

/// Both ends of a connection to a host that is this machine.
async fn meet(host: &str, trust: &LinkTrust, tls: &LinkTls, tokens: [&[u8]; 2]) -> Ends {
    let (listener, address) = listener(host).await;
    let owner = async { answer(accept(&listener).await, tls, tokens[1], welcome).await };
    tokio::join!(dial(&address, trust, hello(Role::Lanes), tokens[0]), owner)
}

#[tokio::test]
async fn a_door_and_an_owner_with_one_token_exchange_frames() {
    let (door, owner) = meet("localhost", &LinkTrust::anybody(), &self_made(), [TOKEN; 2]).await;
    let ((door, welcomed), (owner, heard)) = (door.expect("taken"), owner.expect("taken"));
    assert_eq!((Ok(welcomed), heard), (welcome(&hello(Role::Lanes)), hello(Role::Lanes)));
    assert!(door.peer().starts_with("localhost:"), "{}", door.peer());
    assert!(owner.peer().starts_with("door-1 (127.0.0.1:"), "{}", owner.peer());
    let ((mut door_reads, mut door), (mut owner_reads, mut owner)) = (door.split(), owner.split());
    let sent: Vec<_> = (0..100_000).map(|lane| FromDoor::Ended { lane }).collect();
    let writes = async {
        door.write(sent.clone()).await.expect("written");
        door.finish().await.expect("written");
    };
    let reads = async {
        let mut heard: Vec<FromDoor> = Vec::new();
        while owner_reads.read(&mut heard).await.expect("frames") > 0 {}
        heard
    };
    let ((), heard) = tokio::join!(writes, reads);
    assert!(heard == sent);
    owner.write([FromOwner::Beat]).await.expect("taken");
    owner.finish().await.expect("written");
    let mut told: Vec<FromOwner> = Vec::new();
    while door_reads.read(&mut told).await.expect("frames") > 0 {}
    assert_eq!(told, [FromOwner::Beat]);
}

#[tokio::test]
async fn what_is_not_frames_goes_over_a_link_too() {
    let (door, owner) = meet("127.0.0.1", &LinkTrust::anybody(), &self_made(), [TOKEN; 2]).await;
    let (mut door, mut owner) =
        (door.expect("taken").0.into_io(), owner.expect("taken").0.into_io());
    door.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("written");
    door.shutdown().await.expect("an end");
    let mut heard = String::new();
    owner.read_to_string(&mut heard).await.expect("a text");
    assert_eq!(heard, "GET / HTTP/1.1\r\n\r\n");
}

#[tokio::test]
async fn another_token_is_refused_at_both_ends_with_what_to_do() {
    let other: &[u8] = b"another token of the cluster";
    let (door, owner) =
        meet("localhost", &LinkTrust::anybody(), &self_made(), [TOKEN, other]).await;
    let (door, owner) = (door.expect_err("refused"), owner.expect_err("refused"));
    assert!(matches!(door.fault, Fault::RefusedUs(Refused::Token)), "{door}");
    assert!(matches!(owner.fault, Fault::RefusedIt(Refused::Token)), "{owner}");
    let says = door.to_string();
    assert!(says.starts_with("the link with localhost:"), "{says}");
    assert!(says.contains("give both the same --cluster-token-file"), "{says}");
    assert!(owner.peer.starts_with("127.0.0.1:"), "{owner}");
}

#[tokio::test]
async fn a_short_token_is_none_at_either_end() {
    let short: &[u8] = b" fifteen bytes.. \n";
    let dialled = dial("127.0.0.1:1", &LinkTrust::anybody(), hello(Role::Calls), short).await;
    assert!(matches!(dialled.expect_err("short").fault, Fault::ShortToken(15)));
    let (listener, address) = listener("127.0.0.1").await;
    let _door = TcpStream::connect(address).await.expect("a connection");
    let answered = answer(accept(&listener).await, &self_made(), short, welcome).await;
    assert!(matches!(answered.expect_err("short").fault, Fault::ShortToken(15)));
}

/// Has TLS with the door and with the owner, and carries what they say from the one to the other.
async fn sit_between(listener: &TcpListener, owner: &str) {
    let (mut door, of_door) = self_made().accept(accept(listener).await).await.expect("TLS");
    let owner = TcpStream::connect(owner).await.expect("a connection");
    let (mut owner, of_owner) =
        LinkTrust::anybody().connect("localhost", owner).await.expect("TLS");
    assert_ne!(of_door, of_owner);
    // Until one of them has enough.
    _ = tokio::io::copy_bidirectional(&mut door, &mut owner).await;
}

#[tokio::test]
async fn nobody_can_sit_between_and_read() {
    let (tls, trust) = (self_made(), LinkTrust::anybody());
    let ((of_owner, owner_address), (between, address)) =
        (listener("localhost").await, listener("localhost").await);
    let judge = |_: &Hello| -> Result<Welcome, Refused> { panic!("a door is judged") };
    let (door, owner, ()) = tokio::join!(
        dial(&address, &trust, hello(Role::Lanes), TOKEN),
        async { answer(accept(&of_owner).await, &tls, TOKEN, judge).await },
        sit_between(&between, &owner_address),
    );
    let (door, owner) = (door.expect_err("refused"), owner.expect_err("refused"));
    assert!(matches!(door.fault, Fault::RefusedUs(Refused::Token)), "{door}");
    assert!(matches!(owner.fault, Fault::RefusedIt(Refused::Token)), "{owner}");
    assert!(door.to_string().contains("somebody sits between"), "{door}");
}

/// Whoever carries the bytes of TLS and nothing else changes nothing.
#[tokio::test]
async fn a_proxy_of_tcp_may_be_between() {
    let (tls, trust) = (self_made(), LinkTrust::anybody());
    let ((of_owner, owner_address), (between, address)) =
        (listener("localhost").await, listener("localhost").await);
    let proxy = async {
        let mut door = accept(&between).await;
        let mut owner = TcpStream::connect(owner_address).await.expect("a connection");
        tokio::io::copy_bidirectional(&mut door, &mut owner).await.expect("all is carried");
    };
    let ends = async {
        let owner = async { answer(accept(&of_owner).await, &tls, TOKEN, welcome).await };
        let (door, owner) = tokio::join!(dial(&address, &trust, hello(Role::Lanes), TOKEN), owner);
        let (mut door, mut owner) =
            (door.expect("taken").0.into_io(), owner.expect("taken").0.into_io());
        door.shutdown().await.expect("an end");
        owner.shutdown().await.expect("an end");
    };
    tokio::join!(ends, proxy);
}

/// An authority, and a certificate for a host by it, in files too.
struct Authority {
    folder: TempDir,
    files: TlsFiles,
    der: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    fn of(host: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let ca = ca.expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([host.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &ca).expect("a certificate");
        let write = |name: &str, pem: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).expect("a file");
            path
        };
        write("ca.pem", ca.pem());
        let files = TlsFiles {
            cert: write("cert.pem", certificate.pem()),
            key: write("key.pem", key.serialize_pem()),
        };
        Self {
            der: ca.der().clone(),
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            files,
            folder,
        }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

#[tokio::test]
async fn an_authority_is_asked_if_there_is_one() {
    let (authority, other) = (Authority::of("localhost"), Authority::of("localhost"));
    let tls = LinkTls::of_files(&authority.files).expect("a certificate");
    let trust = LinkTrust::of_file(&authority.ca()).expect("an authority");
    let (door, owner) = meet("localhost", &trust, &tls, [TOKEN; 2]).await;
    assert!(door.is_ok() && owner.is_ok());
    // Whoever does not ask, takes it too.
    let (door, owner) = meet("127.0.0.1", &LinkTrust::anybody(), &tls, [TOKEN; 2]).await;
    assert!(door.is_ok() && owner.is_ok());

    let strangers = LinkTrust::of_file(&other.ca()).expect("an authority");
    for (host, trust, tls) in [
        ("localhost", &strangers, &tls),
        ("127.0.0.1", &trust, &tls),
        ("localhost", &trust, &self_made()),
    ] {
        let (door, owner) = meet(host, trust, tls, [TOKEN; 2]).await;
        let (door, owner) = (door.expect_err("not believed"), owner.expect_err("not believed"));
        assert!(matches!(door.fault, Fault::Certificate(_)), "{door}");
        assert!(door.to_string().contains("--link-ca"), "{door}");
        assert!(matches!(owner.fault, Fault::Tls(_)), "{owner}");
    }
}

fn ring() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What somebody else says to an owner, who does not take it. Returns what the owner makes of it.
async fn owner_meets<T>(
    tls: &LinkTls,
    stranger: impl AsyncFnOnce(TcpStream) -> T,
) -> (LinkError, T) {
    let (listener, address) = listener("127.0.0.1").await;
    let owner = async {
        let stream = accept(&listener).await;
        answer(stream, tls, TOKEN, welcome).await.expect_err("not a door")
    };
    let stranger =
        async { stranger(TcpStream::connect(address).await.expect("a connection")).await };
    tokio::join!(owner, stranger)
}

#[tokio::test]
async fn an_owner_speaks_nothing_older_than_tls_13_and_nothing_but_links() {
    let authority = Authority::of("localhost");
    let tls = LinkTls::of_files(&authority.files).expect("a certificate");
    for (version, protocol, is_taken) in
        [(&TLS13, PROTOCOL, true), (&TLS12, PROTOCOL, false), (&TLS13, b"http/1.1", false)]
    {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der.clone()).expect("an authority");
        let mut config = rustls::ClientConfig::builder_with_provider(ring())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").expect("a name");
        let (error, connected) =
            owner_meets(&tls, async |stream| connector.connect(name, stream).await.map(drop)).await;
        assert_eq!(connected.is_ok(), is_taken, "{connected:?}");
        assert_eq!(!matches!(error.fault, Fault::Tls(_)), is_taken, "{error}");
    }
}

#[tokio::test]
async fn a_door_speaks_nothing_older_than_tls_13() {
    let authority = Authority::of("localhost");
    for (version, is_taken) in [(&TLS13, true), (&TLS12, false)] {
        let config = rustls::ServerConfig::builder_with_provider(ring())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![authority.certificate.clone()], authority.key.clone_key())
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, address) = listener("localhost").await;
        let owner = async { acceptor.accept(accept(&listener).await).await.map(drop) };
        let trust = LinkTrust::anybody();
        let (door, owner) = tokio::join!(dial(&address, &trust, hello(Role::Lanes), TOKEN), owner);
        let door = door.expect_err("no owner");
        assert_eq!(owner.is_ok(), is_taken, "{owner:?}");
        assert_eq!(!matches!(door.fault, Fault::Tls(_)), is_taken, "{door}");
    }
}

#[tokio::test]
async fn who_speaks_http_to_an_owner_is_told_apart() {
    let http = async |mut stream: TcpStream| {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
        _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let (error, ()) = owner_meets(&self_made(), http).await;
    assert!(matches!(error.fault, Fault::Tls(_)), "{error}");
    let (listener, address) = listener("127.0.0.1").await;
    let server = async {
        let mut stream = accept(&listener).await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
        _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let trust = LinkTrust::anybody();
    let (door, ()) = tokio::join!(dial(&address, &trust, hello(Role::Calls), TOKEN), server);
    let says = door.expect_err("no owner").to_string();
    assert!(says.contains("--link-listen"), "{says}");
}

/// The clock goes on by itself while all wait.
#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_longer_than_a_handshake_may_take() {
    for silent_from in [Silent::Tls, Silent::Hello] {
        let begun = tokio::time::Instant::now();
        let (listener, address) = listener("127.0.0.1").await;
        let tls = self_made();
        let owner = async { answer(accept(&listener).await, &tls, TOKEN, welcome).await };
        let stranger = async {
            let stream = TcpStream::connect(address).await.expect("a connection");
            match silent_from {
                Silent::Tls => hold(stream).await,
                Silent::Hello => hold(LinkTrust::anybody().connect("x", stream).await).await,
            }
        };
        let error = tokio::select! {
            answered = owner => answered.expect_err("too slow"),
            never = stranger => match never {},
        };
        assert!(matches!(error.fault, Fault::Slow), "{error}");
        assert_eq!(begun.elapsed().as_secs(), HANDSHAKE_TIME_MAX.as_secs());
    }
}

enum Silent {
    Tls,
    Hello,
}

async fn hold<T>(_held: T) -> std::convert::Infallible {
    std::future::pending().await
}

#[tokio::test]
async fn an_address_is_a_host_and_a_port() {
    for address in ["", "host", "host:", ":7000", "host:70000", "host:http", "a b:1"] {
        let dialled = dial(address, &LinkTrust::anybody(), hello(Role::Calls), TOKEN).await;
        let error = dialled.expect_err("no address");
        let is_none = matches!(error.fault, Fault::Address | Fault::Unreachable(_));
        assert!(is_none && error.to_string().contains(address), "{error}");
    }
    for (address, host) in
        [("host:1", "host"), ("10.0.0.1:65535", "10.0.0.1"), ("[::1]:7000", "::1")]
    {
        assert_eq!(host_of(address), Some(host));
    }
}

#[tokio::test]
async fn an_owner_that_is_not_there_is_named() {
    // The port is taken, and nobody listens on it.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    let dialled = dial(&address, &LinkTrust::anybody(), hello(Role::Calls), TOKEN).await;
    let error = dialled.expect_err("nobody");
    assert!(matches!(error.fault, Fault::Unreachable(_)), "{error}");
    assert!(error.to_string().contains(&address), "{error}");
}
