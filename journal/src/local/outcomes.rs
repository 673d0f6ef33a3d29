//! The table of outcomes, within a transaction.

use redb::{ReadableTable as _, Table, TableDefinition};

use crate::error::Fault;
use crate::outcomes::Blocks;

/// The table of blocks, by the place of the first outcome of each.
pub(crate) const OUTCOMES: TableDefinition<u64, &[u8]> = TableDefinition::new("outcomes");

impl Blocks for Table<'_, u64, &'static [u8]> {
    fn expect(&mut self, _: impl Iterator<Item = u64>) -> Result<(), Fault> {
        Ok(())
    }

    fn read<T>(&mut self, key: u64, look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, Fault> {
        Ok(self.get(key)?.map(|record| look(record.value())))
    }

    fn put(&mut self, key: u64, block: &[u8]) -> Result<(), Fault> {
        self.insert(key, block)?;
        Ok(())
    }

    fn remove(&mut self, key: u64) -> Result<(), Fault> {
        Table::remove(self, key)?;
        Ok(())
    }

    fn remove_oldest(&mut self, keys: &[u64]) -> Result<(), Fault> {
        if let Some(last) = keys.last() {
            self.retain_in(..=*last, |_, _| false)?;
        }
        Ok(())
    }
}
