//! How much one may hold of what all share.

/// A pool that all share: so much there is, so much is taken, and so much of that by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What there is.
    pub pool: usize,
    /// What all hold.
    pub used: usize,
    /// What one of them holds of it.
    pub held: usize,
}

/// Why one does not get more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoShare {
    /// There is not so much left.
    Full,
    /// He would hold more than is left for all others together.
    TooMuch,
}

impl Share {
    /// Whether he may have `more`. What he holds then must not be more than what is left free then,
    /// but whoever holds nothing gets something as long as it is there.
    ///
    /// So one alone gets half of the pool, two a third each, and the last part of it is for those
    /// who come.
    ///
    /// # Errors
    /// If he may not.
    pub const fn take(self, more: usize) -> Result<(), NoShare> {
        let free = self.pool.saturating_sub(self.used);
        if more > free {
            return Err(NoShare::Full);
        }
        if self.held > 0 && self.held.saturating_add(more) > free - more {
            return Err(NoShare::TooMuch);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each gets of a pool of 1,200 if so many take one after the other as long as they get
    /// any.
    fn greedy(clients: usize) -> Vec<usize> {
        let mut held = vec![0; clients];
        loop {
            let before = held.clone();
            for one in 0..clients {
                let share = Share { pool: 1_200, used: held.iter().sum(), held: held[one] };
                held[one] += usize::from(share.take(1).is_ok());
            }
            if held == before {
                return held;
            }
        }
    }

    #[test]
    fn all_who_are_greedy_get_as_much_as_they_leave() {
        assert_eq!(greedy(1), [600]);
        assert_eq!(greedy(2), [400, 400]);
        assert_eq!(greedy(5), [200; 5]);
        assert_eq!(greedy(2_000).iter().sum::<usize>(), 1_200, "nothing is left over");
    }

    #[test]
    fn whoever_holds_nothing_gets_something_as_long_as_it_is_there() {
        let newcomer = Share { pool: 10, used: 7, held: 0 };
        assert_eq!(newcomer.take(3), Ok(()));
        assert_eq!(newcomer.take(4), Err(NoShare::Full));
        assert_eq!(Share { pool: 0, ..newcomer }.take(1), Err(NoShare::Full));
    }

    #[test]
    fn a_pool_that_is_over_full_gives_nothing() {
        // The operator may have other limits since a restart.
        let share = Share { pool: 10, used: 20, held: 5 };
        assert_eq!(share.take(1), Err(NoShare::Full));
        assert_eq!(share.take(usize::MAX), Err(NoShare::Full));
    }
}
