//! The certificate that the HTTP port shows, and its key.

use std::fs::File;
use std::sync::Arc;

use acequia_tls::{BadTls, TlsFiles};
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::access::look_at;
use crate::reload;

/// Certificate and key as they are now.
#[derive(Clone)]
pub(crate) struct Keys(watch::Receiver<Arc<ServerConfig>>);

impl Keys {
    /// Reads them. The task that reads them again when they change ends with what is returned.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, BadTls> {
        if let Ok(key) = File::open(&files.key) {
            look_at(&files.key, &key);
        }
        let paths = vec![files.cert.clone(), files.key.clone()];
        let stamp = reload::Stamp::of(&paths);
        let (sender, keys) = watch::channel(Arc::new(files.read()?));
        let read = move || files.read();
        tokio::spawn(reload::keep("certificate and key", paths, stamp, sender, read));
        Ok(Self(keys))
    }

    pub(crate) fn now(&self) -> Arc<ServerConfig> {
        self.0.borrow().clone()
    }
}
