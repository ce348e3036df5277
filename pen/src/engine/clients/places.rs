//! The places of a table: each has a cache line to itself, and none moves when there are more of them.

use super::Entry;

/// Places that are allocated at once. What nobody has used yet takes no memory, only addresses.
const BLOCK: usize = 4096;

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

    /// Makes a place free. Free places at the end go, and so does their memory, but for one block: who comes may need it again.
    pub(super) fn take(&mut self, index: u32) -> Option<Entry> {
        let (block, place) = split(index as usize);
        let entry = self.blocks.get_mut(block)?.get_mut(place)?.0.take();
        while let Some(last) = self.len.checked_sub(1)
            && self.blocks[last / BLOCK].pop_if(|place| place.0.is_none()).is_some()
        {
            self.len = last;
        }
        self.blocks.truncate(self.len.div_ceil(BLOCK) + 1);
        entry
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
