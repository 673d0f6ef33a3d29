//! Names that come again and again.

use std::sync::Arc;

use acequia_wire::QueueName;
use acequia_wire::record::BadRecord;

/// The last of each sort: many frames in a row are about one queue, one worker, one topic.
#[derive(Debug)]
pub(super) struct Names {
    queue: QueueName,
    worker: Arc<str>,
    topic: Arc<str>,
}

impl Default for Names {
    fn default() -> Self {
        Self { queue: QueueName::default(), worker: "".into(), topic: "".into() }
    }
}

impl Names {
    pub(super) fn queue(&mut self, name: &str) -> Result<QueueName, BadRecord> {
        if self.queue.as_str() != name {
            self.queue = name.parse().map_err(BadRecord::Queue)?;
        }
        Ok(self.queue.clone())
    }

    pub(super) fn worker(&mut self, name: &str) -> Arc<str> {
        again(&mut self.worker, name)
    }

    pub(super) fn topic(&mut self, name: &str) -> Arc<str> {
        again(&mut self.topic, name)
    }
}

fn again(last: &mut Arc<str>, name: &str) -> Arc<str> {
    if &**last != name {
        *last = name.into();
    }
    last.clone()
}
