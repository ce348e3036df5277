//! Answers on their way to clients: collected from several ports, and sent together.

use std::io::ErrorKind;

use system::datagrams::{Batch, Name, Outbox, Outgoing};

use super::{Receiving, Surroundings};
use crate::engine::flows::{Endpoint, FlowKey};
use crate::settings::ServiceIndex;

/// Answers that were received and not yet sent.
#[derive(Debug)]
pub struct Answers {
    /// What was received.
    pub batch: Batch,
    /// Which of it goes to whom.
    addressed: Vec<(usize, FlowKey)>,
}

impl Answers {
    /// Room for so many.
    pub fn new(most: usize) -> Answers {
        Answers { batch: Batch::new(most), addressed: Vec::new() }
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.batch.room() == 0
    }

    /// The datagram at `index` goes to the client of that flow.
    pub fn address(&mut self, index: usize, to: FlowKey) {
        self.addressed.push((index, to));
    }

    /// Sends them all.
    pub fn send(&mut self, listeners: &[Receiving], outbox: &mut Outbox, around: &Surroundings<'_>) {
        for listener in listeners {
            let own: Vec<Outgoing<'_>> = self
                .addressed
                .iter()
                .filter(|(_, key)| key.listener == listener.id.0)
                .map(|(index, key)| outgoing(&self.batch, *index, key))
                .collect();
            send_all(&own, listener, outbox, around);
        }
        self.addressed.clear();
        self.batch.clear();
    }
}

fn outgoing<'a>(batch: &'a Batch, index: usize, key: &'a FlowKey) -> Outgoing<'a> {
    let datagram = batch.get(index);
    let to = match &key.client {
        Endpoint::Inet(address) => Name::Inet(*address),
        Endpoint::Unix(name) => Name::Unix(name),
    };
    let from = key
        .local
        .map(|local| system::datagrams::Local { address: local.address, interface: local.interface });
    Outgoing { bytes: datagram.bytes, to: Some(to), from, segment: datagram.segment }
}

fn send_all(
    mut datagrams: &[Outgoing<'_>],
    listener: &Receiving,
    outbox: &mut Outbox,
    around: &Surroundings<'_>,
) {
    let counters = counters(listener.service, around);
    while !datagrams.is_empty() {
        match outbox.send(&*listener.socket, datagrams) {
            Ok(sent) => {
                counters.answered.add(sent as u64);
                datagrams = &datagrams[sent..];
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => {
                // This client cannot be reached, or we lack memory.
                counters.dropped.count();
                datagrams = &datagrams[1..];
            }
        }
    }
}

fn counters<'a>(
    service: ServiceIndex,
    around: &'a Surroundings<'_>,
) -> &'a crate::settings::DatagramCounters {
    &around.service(service).state.counters.datagrams
}
