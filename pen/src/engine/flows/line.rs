//! The flows in the order of their last use: who is first ends first, whether its time is up or its place is wanted.
//!
//! It stands apart from the flows themselves, so that the neighbours of one that moves up are found in few and warm
//! cache lines.

use crate::engine::time::Tick;

/// No flow.
pub(super) const NIL: u32 = u32::MAX;

/// A line of small dense numbers.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) nodes: Vec<Node>,
    pub(super) front: u32,
    pub(super) back: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) last_use: Tick,
    pub(super) previous: u32,
    pub(super) next: u32,
}

const APART: Node = Node { last_use: Tick(0), previous: NIL, next: NIL };

impl Line {
    pub(super) fn new() -> Line {
        Line { nodes: Vec::new(), front: NIL, back: NIL }
    }

    /// Who was used least recently, and when.
    pub(super) fn front(&self) -> Option<(u32, Tick)> {
        self.nodes.get(self.front as usize).map(|node| (self.front, node.last_use))
    }

    /// When one that stands in the line was last used.
    #[cfg(test)]
    pub(super) fn last_use(&self, index: u32) -> Option<Tick> {
        self.nodes.get(index as usize).map(|node| node.last_use)
    }

    /// Puts one that stands apart at the back.
    pub(super) fn join(&mut self, index: u32, now: Tick) {
        if self.nodes.len() <= index as usize {
            self.nodes.resize(index as usize + 1, APART);
        }
        self.append(index, now);
    }

    /// Notes a use. A line that goes by milliseconds need not move whoever was used in this one.
    pub(super) fn touch(&mut self, index: u32, now: Tick) {
        let Some(node) = self.nodes.get_mut(index as usize) else { return };
        if now <= node.last_use {
            return;
        }
        if self.back == index {
            node.last_use = now;
            return;
        }
        self.leave(index);
        self.append(index, now);
    }

    /// Takes one out.
    pub(super) fn leave(&mut self, index: u32) {
        let Some(node) = self.nodes.get_mut(index as usize) else { return };
        let Node { previous, next, .. } = std::mem::replace(node, APART);
        match self.nodes.get_mut(previous as usize) {
            Some(node) => node.next = next,
            None => self.front = next,
        }
        match self.nodes.get_mut(next as usize) {
            Some(node) => node.previous = previous,
            None => self.back = previous,
        }
    }

    /// A time that lies before that of the last in line counts as that one, so that the line is always in order.
    fn append(&mut self, index: u32, now: Tick) {
        let mut last_use = now;
        match self.nodes.get_mut(self.back as usize) {
            Some(node) => {
                node.next = index;
                last_use = last_use.max(node.last_use);
            }
            None => self.front = index,
        }
        self.nodes[index as usize] = Node { last_use, previous: self.back, next: NIL };
        self.back = index;
    }
}
