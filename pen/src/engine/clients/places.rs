//! The places of a table: each has a cache line to itself, and none moves when there are more of them.

use super::Entry;

/// Places that are allocated at once. What nobody has used yet takes no memory, only addresses.
const BLOCK: usize = 4096;
/// Free places that are taken away at once: when somebody at the end goes, a million before may have gone already.
const TRIM_AT_ONCE: usize = 64;

/// Places by their numbers.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Each with room for `BLOCK`. At most one is empty.
    blocks: Vec<Vec<Place>>,
    len: usize,
}

/// Who has a place.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Place(Option<Entry>);

impl Places {
    /// How many there are, free ones included.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: u32) -> Option<&Entry> {
        let (block, place) = split(index as usize);
        self.blocks.get(block)?.get(place)?.0.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        let (block, place) = split(index as usize);
        self.blocks.get_mut(block)?.get_mut(place)?.0.as_mut()
    }

    /// Gives a free place to somebody; places are added up to this one if need be.
    pub(super) fn put(&mut self, index: u32, entry: Entry) {
        let (block, place) = split(index as usize);
        while self.len <= index as usize {
            let last = self.len / BLOCK;
            if last == self.blocks.len() {
                self.blocks.push(Vec::with_capacity(BLOCK));
            }
            self.blocks[last].push(Place(None));
            self.len += 1;
        }
        self.blocks[block][place].0 = Some(entry);
    }

    /// Makes a place free, and trims those at the end.
    pub(super) fn take(&mut self, index: u32) -> Option<Entry> {
        let (block, place) = split(index as usize);
        let entry = self.blocks.get_mut(block)?.get_mut(place)?.0.take();
        self.trim();
        entry
    }

    /// Takes away some of the free places at the end, and their memory, but for one block: who comes may need it again. Whether
    /// no more of them are left.
    pub(super) fn trim(&mut self) -> bool {
        for _ in 0..TRIM_AT_ONCE {
            let Some(last) = self.len.checked_sub(1) else { break };
            if self.blocks[last / BLOCK].pop_if(|place| place.0.is_none()).is_none() {
                break;
            }
            self.len = last;
        }
        self.blocks.truncate(self.len.div_ceil(BLOCK) + 1);
        self.len.checked_sub(1).is_none_or(|last| self.is_taken(last))
    }

    fn is_taken(&self, index: usize) -> bool {
        let (block, place) = split(index);
        self.blocks[block][place].0.is_some()
    }

    /// Those who have the places in this range of numbers.
    pub(super) fn range(&self, begin: usize, end: usize) -> impl Iterator<Item = &Entry> {
        (begin..end.min(self.len)).filter_map(|index| {
            let (block, place) = split(index);
            self.blocks[block][place].0.as_ref()
        })
    }
}

/// The block of a place, and where it is in it.
fn split(index: usize) -> (usize, usize) {
    (index / BLOCK, index % BLOCK)
}

#[cfg(test)]
impl Places {
    /// Bytes allocated for places.
    pub(super) fn memory(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity() * size_of::<Place>()).sum()
    }
}
