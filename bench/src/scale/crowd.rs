//! Jobs that are queued by the hundred thousand.

use acequia_client::{Client, Frame};
use acequia_wire::Payload;
use acequia_wire::QueueName;
use acequia_wire::client::{Encoding, Op};
use anyhow::bail;

use crate::glance::{self, News};
use crate::jobs::submit;

/// Jobs in one message, and unanswered: few enough that a mailbox holds what is said about them.
const JOBS_PER_MESSAGE: u32 = 1_000;

/// What one client queues.
#[derive(Clone)]
pub(super) struct Crowd {
    pub(super) jobs: u32,
    pub(super) queue: QueueName,
    pub(super) priority: u8,
    pub(super) payload: Payload,
    pub(super) encoding: Encoding,
}

impl Crowd {
    /// Submits the jobs, and waits until all are accepted. None may end meanwhile.
    pub(super) async fn queue_up(&self, client: &mut Client) -> anyhow::Result<()> {
        let mut next = 0;
        while next < self.jobs {
            let until = self.jobs.min(next + JOBS_PER_MESSAGE);
            client.feed(self.message(next..until)).await?;
            client.flush().await?;
            let mut unanswered = until - next;
            while unanswered > 0 {
                match glance::read(self.encoding, &client.recv_raw().await?)? {
                    News::Accepted => unanswered -= 1,
                    News::Ended { job, .. } => bail!("the job {job} was to wait, and did not"),
                    News::Other => {}
                }
            }
            next = until;
        }
        Ok(())
    }

    /// The jobs of these numbers as one message.
    fn message(&self, numbers: std::ops::Range<u32>) -> Frame {
        let count = numbers.end - numbers.start;
        let ops = numbers.map(|number| {
            let mut job = submit(number.into(), &self.queue, self.payload.clone());
            job.priority = self.priority;
            Op::Submit(job).encode(self.encoding)
        });
        let bytes = match self.encoding {
            Encoding::Json => {
                let ops: Vec<Vec<u8>> = ops.collect();
                [b"[", &*ops.join(&b','), b"]"].concat()
            }
            // An array whose length takes four bytes.
            Encoding::MsgPack => {
                let header = [&[0xdd], &count.to_be_bytes()[..]].concat();
                std::iter::once(header).chain(ops).flatten().collect()
            }
        };
        Frame::raw(bytes.into(), self.encoding)
    }
}
