//! A list of things that come anew every two seconds: in which order, and which of them is chosen.

use std::cmp::Ordering;

use acequia_plain::Plain;
use ratatui::widgets::TableState;

/// Something that has a row.
pub(crate) trait Entry: Sized + 'static {
    /// By which it is known again.
    type Id: Clone + PartialEq;
    const COLUMNS: &'static [Column<Self>];

    fn id(&self) -> Self::Id;

    /// What does not fit into a row: shown for the chosen one.
    fn detail(&self, now_ms: u64) -> String;

    /// Whether somebody should look at it.
    fn mood(&self) -> Mood {
        Mood::Well
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// An operator wanted it so.
    Held,
    Bad,
}

/// What is told of each in a column, and how it is sorted by that.
pub(crate) struct Column<T: 'static> {
    pub(crate) title: &'static str,
    pub(crate) width: Width,
    /// Columns of a higher rank are the first to be left out where there is no room.
    pub(crate) rank: u8,
    pub(crate) cell: fn(&T, u64) -> String,
    pub(crate) key: fn(&T) -> Key<'_>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Width {
    /// So many columns, the text at the right: numbers.
    Right(u16),
    /// So many columns, the text at the left.
    Left(u16),
    /// So many columns at least, and a share of those that are left over.
    Share(u16, u16),
}

/// Texts are sorted from A, numbers from the largest; what is not there comes last.
#[derive(Debug, PartialEq)]
pub(crate) enum Key<'a> {
    Text(&'a Plain),
    Number(Option<f64>),
}

impl Key<'_> {
    pub(crate) fn count(n: u64) -> Self {
        Self::Number(Some(n as f64))
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.as_str().cmp(other.as_str()),
            (Self::Number(one), Self::Number(other)) => {
                let known = |n: &Option<f64>| n.unwrap_or(f64::NEG_INFINITY);
                known(other).total_cmp(&known(one))
            }
            // A column has one kind of key.
            _ => Ordering::Equal,
        }
    }
}

/// Rows in an order, one of which is chosen unless there are none.
#[derive(Debug)]
pub(crate) struct List<T: Entry> {
    rows: Vec<T>,
    /// As they were told, which decides between equals.
    sorted_by: usize,
    /// Also where it is scrolled to.
    state: TableState,
}

/// Where to go in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl<T: Entry> Default for List<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), sorted_by: 0, state: TableState::new() }
    }
}

impl<T: Entry> List<T> {
    pub(crate) fn rows(&self) -> &[T] {
        &self.rows
    }

    pub(crate) fn sorted_by(&self) -> usize {
        self.sorted_by
    }

    pub(crate) fn chosen(&self) -> Option<&T> {
        self.rows.get(self.state.selected()?)
    }

    pub(crate) fn parts(&mut self) -> (&[T], &mut TableState) {
        (&self.rows, &mut self.state)
    }

    /// Takes the rows of a tick. What was chosen stays so; if it is gone, what is in its place.
    pub(crate) fn replace(&mut self, rows: Vec<T>) {
        let chosen = self.chosen().map(T::id);
        self.rows = rows;
        self.sort();
        self.choose_again(chosen);
    }

    /// Takes one row that has changed.
    pub(crate) fn put(&mut self, row: T) {
        let id = row.id();
        if let Some(old) = self.rows.iter_mut().find(|old| old.id() == id) {
            *old = row;
        }
    }

    pub(crate) fn remove(&mut self, id: &T::Id) {
        let chosen = self.chosen().map(T::id);
        self.rows.retain(|row| row.id() != *id);
        self.choose_again(chosen);
    }

    /// Sorts by the next column.
    pub(crate) fn sort_by_next(&mut self) {
        let chosen = self.chosen().map(T::id);
        self.sorted_by = (self.sorted_by + 1) % T::COLUMNS.len();
        self.sort();
        self.choose_again(chosen);
    }

    fn sort(&mut self) {
        let key = T::COLUMNS[self.sorted_by].key;
        self.rows.sort_by(|one, other| key(one).order(&key(other)));
    }

    fn choose_again(&mut self, chosen: Option<T::Id>) {
        let found = chosen.and_then(|id| self.rows.iter().position(|row| row.id() == id));
        let place = found.or(self.state.selected()).unwrap_or(0);
        self.state.select(self.rows.len().checked_sub(1).map(|last| place.min(last)));
    }

    /// Chooses another row; a page has so many.
    pub(crate) fn go(&mut self, to: Move, page: usize) {
        let Some(last) = self.rows.len().checked_sub(1) else { return };
        let place = self.state.selected().unwrap_or(0);
        let place = match to {
            Move::Up => place.saturating_sub(1),
            Move::Down => place + 1,
            Move::PageUp => place.saturating_sub(page),
            Move::PageDown => place + page,
            Move::First => 0,
            Move::Last => last,
        };
        self.state.select(Some(place.min(last)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing(Plain, Option<f64>);

    impl Entry for Thing {
        type Id = String;
        const COLUMNS: &'static [Column<Self>] = &[
            Column {
                title: "name",
                width: Width::Share(5, 1),
                rank: 0,
                cell: |thing, _| thing.0.to_string(),
                key: |thing| Key::Text(&thing.0),
            },
            Column {
                title: "size",
                width: Width::Right(5),
                rank: 0,
                cell: |_, _| String::new(),
                key: |thing| Key::Number(thing.1),
            },
        ];

        fn id(&self) -> String {
            self.0.to_string()
        }

        fn detail(&self, _: u64) -> String {
            String::new()
        }
    }

    fn things(all: &[(&str, Option<f64>)]) -> Vec<Thing> {
        all.iter().map(|(name, size)| Thing(Plain::new(name), *size)).collect()
    }

    fn names(list: &List<Thing>) -> String {
        list.rows().iter().map(|thing| thing.0.as_str()).collect()
    }

    fn chosen(list: &List<Thing>) -> &str {
        list.chosen().map_or("", |thing| thing.0.as_str())
    }

    #[test]
    fn names_go_up_and_numbers_down() {
        let mut list = List::default();
        list.replace(things(&[("c", Some(1.0)), ("a", None), ("d", Some(9.0)), ("b", Some(1.0))]));
        assert_eq!(names(&list), "abcd");
        list.sort_by_next();
        assert_eq!(names(&list), "dbca");
        list.sort_by_next();
        assert_eq!(names(&list), "abcd");
    }

    #[test]
    fn what_is_chosen_stays_so_wherever_it_goes() {
        let mut list = List::default();
        list.replace(things(&[("a", Some(1.0)), ("b", Some(2.0)), ("c", Some(3.0))]));
        assert_eq!(chosen(&list), "a");
        list.go(Move::Down, 10);
        assert_eq!(chosen(&list), "b");
        list.replace(things(&[("0", None), ("1", None), ("b", Some(7.0)), ("z", None)]));
        assert_eq!(chosen(&list), "b");
        list.sort_by_next();
        assert_eq!((names(&list).as_str(), chosen(&list)), ("b01z", "b"));
        list.put(Thing(Plain::new("b"), Some(8.0)));
        assert_eq!(list.chosen().and_then(|thing| thing.1), Some(8.0));
    }

    #[test]
    fn what_is_gone_leaves_its_place_to_the_next() {
        let mut list = List::default();
        list.replace(things(&[("a", None), ("b", None), ("c", None)]));
        list.go(Move::Last, 10);
        list.remove(&"c".to_owned());
        assert_eq!(chosen(&list), "b");
        list.replace(things(&[("x", None)]));
        assert_eq!(chosen(&list), "x");
        list.replace(vec![]);
        assert_eq!(chosen(&list), "");
        list.go(Move::Down, 10);
        list.replace(things(&[("y", None)]));
        assert_eq!(chosen(&list), "y");
    }

    #[test]
    fn nobody_leaves_the_list() {
        let mut list = List::default();
        let all: Vec<_> = ('a'..='z').map(|c| Thing(Plain::new(&c.to_string()), None)).collect();
        list.replace(all);
        for (to, expected) in [
            (Move::Up, "a"),
            (Move::PageUp, "a"),
            (Move::PageDown, "k"),
            (Move::PageDown, "u"),
            (Move::PageDown, "z"),
            (Move::Down, "z"),
            (Move::PageUp, "p"),
            (Move::First, "a"),
            (Move::Last, "z"),
        ] {
            list.go(to, 10);
            assert_eq!(chosen(&list), expected, "{to:?}");
        }
    }
}
