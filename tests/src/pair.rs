//! A client and its server's end, both in the hands of the test, with a pen between them.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::address::Family;
use crate::backend::Backend;
use crate::pen::Pen;
use crate::stream::Stream;
use crate::wait::LIMIT;

/// A server that hands its connections to the test, and closes one when the test lets go of it.
pub struct Manual {
    /// The server.
    pub backend: Backend,
    connections: Receiver<(Stream, Sender<()>)>,
}

/// A connection of a [`Manual`] server.
pub struct Accepted {
    stream: Option<Stream>,
    /// Tells the server's thread to let go too.
    done: Sender<()>,
}

impl Manual {
    /// A server on a socket of this family.
    pub fn on(family: Family) -> Self {
        let (sender, connections) = channel();
        let sender = Mutex::new(sender);
        let backend = Backend::serve_on(family, move |client| {
            let (done, finished) = channel();
            let handed_over = sender.lock().expect("sending does not panic").send((client.duplicate(), done));
            if handed_over.is_ok() {
                let _ = finished.recv();
            }
        });
        Self { backend, connections }
    }

    /// The next connection.
    #[track_caller]
    pub fn accept(&self) -> Accepted {
        let (stream, done) = self.connections.recv_timeout(LIMIT).expect("pen connects");
        Accepted { stream: Some(stream), done }
    }
}

impl std::ops::Deref for Accepted {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        self.stream.as_ref().expect("held until the drop")
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        self.stream.take();
        let _ = self.done.send(());
    }
}

/// A client and its server's end, with a pen between them.
pub struct Pair {
    client: Option<Stream>,
    server: Option<Accepted>,
    /// The pen between them.
    pub pen: Pen,
    _manual: Manual,
}

impl Pair {
    /// Over TCP and IPv4 on both sides.
    pub fn tcp() -> Self {
        Self::with(Family::Tcp4, Family::Tcp4, "")
    }

    /// Over these kinds of sockets.
    pub fn on(downstream: Family, upstream: Family) -> Self {
        Self::with(downstream, upstream, "")
    }

    /// Over these kinds of sockets, with a pen that was told `command` (empty: none).
    pub fn with(downstream: Family, upstream: Family, command: &str) -> Self {
        let manual = Manual::on(upstream);
        let builder = Pen::builder().listen_on(downstream).servers([&manual.backend]);
        let pen = if command.is_empty() { builder } else { builder.command(command) }.start();
        let client = pen.connect();
        let server = manual.accept();
        Self { client: Some(client), server: Some(server), pen, _manual: manual }
    }

    /// The client's end.
    pub fn client(&self) -> &Stream {
        self.client.as_ref().expect("the client is connected")
    }

    /// The server's end.
    pub fn server(&self) -> &Stream {
        self.server.as_ref().expect("the server is connected")
    }

    /// Closes the client's end with a reset.
    pub fn reset_client(&mut self) {
        self.client.take().expect("the client is connected").reset();
    }

    /// Closes the server's end with a reset.
    pub fn reset_server(&mut self) {
        self.server().reset_on_close();
        self.server.take();
    }

    /// Closes the client's end.
    pub fn close_client(&mut self) {
        if let Some(client) = self.client.take() {
            client.take_tickets();
        }
    }

    /// Closes the server's end.
    pub fn close_server(&mut self) {
        self.server.take();
    }

    /// Ends the client and the server, with any other connection that it has; the pen remains.
    pub fn into_pen(self) -> Pen {
        self.pen
    }
}
