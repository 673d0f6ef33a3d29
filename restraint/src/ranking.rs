//! A heap whose members can be found, moved and taken out by their places elsewhere.

/// Where somebody stands: the more he has the further ahead, and of several the one who has had it
/// for longest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rank {
    pub(crate) amount: usize,
    pub(crate) oldest: u64,
}

impl Rank {
    fn is_before(self, other: Self) -> bool {
        (self.amount, other.oldest) > (other.amount, self.oldest)
    }
}

/// Not in the heap.
const NOWHERE: usize = usize::MAX;

#[derive(Debug, Default)]
pub(crate) struct Ranking {
    /// Nobody is before the one above him.
    heap: Vec<(Rank, usize)>,
    /// Where in the heap each member is, by his place elsewhere.
    at: Vec<usize>,
}

impl Ranking {
    pub(crate) fn first(&self) -> Option<usize> {
        self.heap.first().map(|(_, member)| *member)
    }

    /// A member comes, or has another rank.
    pub(crate) fn set(&mut self, member: usize, rank: Rank) {
        if member >= self.at.len() {
            self.at.resize(member + 1, NOWHERE);
        }
        if self.at[member] == NOWHERE {
            self.at[member] = self.heap.len();
            self.heap.push((rank, member));
        }
        let place = self.at[member];
        self.heap[place].0 = rank;
        self.settle(place);
    }

    /// A member goes.
    pub(crate) fn remove(&mut self, member: usize) {
        let place = std::mem::replace(&mut self.at[member], NOWHERE);
        self.heap.swap_remove(place);
        if let Some((_, moved)) = self.heap.get(place) {
            self.at[*moved] = place;
            self.settle(place);
        }
    }

    /// Moves the one at this place to where his rank belongs.
    fn settle(&mut self, mut place: usize) {
        while place > 0 {
            let above = (place - 1) / 2;
            if !self.heap[place].0.is_before(self.heap[above].0) {
                break;
            }
            self.swap(place, above);
            place = above;
        }
        loop {
            let below =
                [2 * place + 1, 2 * place + 2].into_iter().filter(|at| *at < self.heap.len());
            let best = below.reduce(|one, other| {
                if self.heap[other].0.is_before(self.heap[one].0) { other } else { one }
            });
            let Some(best) = best.filter(|at| self.heap[*at].0.is_before(self.heap[place].0))
            else {
                return;
            };
            self.swap(place, best);
            place = best;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.at[self.heap[one].1] = one;
        self.at[self.heap[other].1] = other;
    }
}
