//! Topics, over a session.

use acequia::client::SubmitError;
use futures_util::StreamExt as _;

use crate::within::Within;

#[tokio::test]
async fn all_who_subscribed_are_told_until_they_do_so_no_more() {
    let server = Within::start().await;
    let client = server.client().await;
    let mut one = client.subscribe("news").expect("a topic");
    let mut two = client.subscribe("news").expect("a topic");
    let mut other = client.subscribe("weather").expect("a topic");
    // By the answer to this one the topics are known to the server.
    assert!(client.submit("upper", &"a").expect("a job").await.is_ok());
    assert_eq!(client.publish("news", &"first").await.expect("it is published"), 1);
    for news in [&mut one, &mut two] {
        let told = news.next().await.expect("a message").expect("and no gap");
        assert_eq!(told.read::<String>().expect("text"), "first");
    }
    drop(one);
    assert_eq!(client.publish("news", &"second").await.expect("it is published"), 1);
    let told = two.next().await.expect("a message").expect("and no gap");
    assert_eq!(told.read::<String>().expect("text"), "second");
    drop(two);
    assert!(client.submit("upper", &"a").expect("a job").await.is_ok());
    assert_eq!(client.publish("news", &"third").await.expect("it is published"), 0);
    assert_eq!(client.publish("weather", &"dry").await.expect("it is published"), 1);
    let told = other.next().await.expect("a message").expect("and no gap");
    assert_eq!((told.read::<String>().expect("text").as_str(), other.topic()), ("dry", "weather"));
}

#[tokio::test]
async fn a_client_has_so_many_topics() {
    let server = Within::start().await;
    let client = server.client().await;
    let mut topics: Vec<_> =
        (0..65).map(|n| client.subscribe(&format!("topic {n}")).expect("a topic")).collect();
    let last = topics.last_mut().expect("65 topics");
    let refused = last.next().await.expect("a word").expect_err("one too many").to_string();
    assert!(refused.contains("at most 64 topics") && refused.contains("too_large"), "{refused}");
    assert!(last.next().await.is_none());
    let bad = client.subscribe("").expect_err("no topic");
    assert_eq!(bad, SubmitError::Name { what: "topic", bytes: 0, most: 128 });
}
