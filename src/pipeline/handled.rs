//! Marks of links that have come to the pipeline: their doors may forget what came before them once that is
//! durable, for until then they have to say it again to the next owner.

use std::collections::VecDeque;

use acequia_link::FromOwner;
use tokio::sync::mpsc;

#[derive(Debug)]
struct Waiting {
    /// The group of records that is to be durable.
    group: u64,
    mark: u64,
    out: mpsc::UnboundedSender<FromOwner>,
}

/// Those whose doors have not been told, in the order of their groups.
#[derive(Debug, Default)]
pub(super) struct Handled(VecDeque<Waiting>);

impl Handled {
    /// What came before a mark of a connection is durable with this group.
    pub(super) fn add(&mut self, group: u64, mark: u64, out: mpsc::UnboundedSender<FromOwner>) {
        match self.0.back_mut() {
            Some(last) if last.group == group && last.out.same_channel(&out) => {
                last.mark = mark;
            }
            _ => self.0.push_back(Waiting { group, mark, out }),
        }
    }

    /// So many groups are durable.
    pub(super) fn durable(&mut self, groups: u64) {
        while let Some(first) = self.0.pop_front_if(|first| first.group <= groups) {
            // A door that is gone does not need to know.
            _ = first.out.send(FromOwner::Durable { mark: first.mark });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_hears_of_a_mark_once_its_group_is_durable() {
        let mut handled = Handled::default();
        let (out, mut told) = mpsc::unbounded_channel();
        let (other, mut told_other) = mpsc::unbounded_channel();
        handled.add(1, 3, out.clone());
        handled.add(1, 5, out.clone());
        handled.add(2, 1, other);
        handled.add(2, 8, out);
        handled.durable(1);
        assert_eq!(told.try_recv().ok(), Some(FromOwner::Durable { mark: 5 }));
        assert!(told.try_recv().is_err() && told_other.try_recv().is_err());
        handled.durable(2);
        assert_eq!(told_other.try_recv().ok(), Some(FromOwner::Durable { mark: 1 }));
        assert_eq!(told.try_recv().ok(), Some(FromOwner::Durable { mark: 8 }));
    }
}
