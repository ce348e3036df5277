//! The servers behind the proxies: a process of its own, which is this program with the word [`WORD`].
//!
//! A request is [`REQUEST`] bytes, of which the first eight say how long the answer is to be. Datagrams come back as they are.
//! All servers are one listener: each has an address of its own in 127.1/16, and the same port.

mod answering;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, Command, Stdio};

use crate::{Error, Result};

/// The argument that makes this program the servers.
pub const WORD: &str = "servers";

/// Bytes of a request.
pub const REQUEST: usize = 64;

/// How many servers for datagrams there are.
pub const DATAGRAM_SERVERS: u32 = 2;

/// A request for an answer of so many bytes.
pub fn request(answer: u64) -> [u8; REQUEST] {
    let mut request = [b'q'; REQUEST];
    request[..8].copy_from_slice(&answer.to_le_bytes());
    request
}

/// The servers while they run.
#[derive(Debug)]
pub struct Servers {
    process: Child,
    port: u16,
}

impl Servers {
    /// Starts them.
    pub fn start() -> Result<Servers> {
        let failed = || Error::doing("the servers cannot be started");
        let program = std::env::current_exe().map_err(failed())?;
        let mut command = Command::new(program);
        command.arg(WORD).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(failed())?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed())?;
        }
        let Ok(port) = line.trim().parse() else {
            let _ = process.wait();
            return Err(Error::Ended { program: WORD.into(), last_words: line.trim().to_owned() });
        };
        Ok(Servers { process, port })
    }

    /// The address of the server of this number, from 0.
    pub fn address(&self, number: u32) -> SocketAddrV4 {
        SocketAddrV4::new(address(number), self.port)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // They end when nobody holds the other end of their input; also if this process is killed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Is the servers, until standard input ends. Says on standard output at which port they listen.
pub fn serve() -> Result<()> {
    system::limits::raise_descriptor_limit().map_err(Error::doing("descriptors"))?;
    let mut answering = answering::Answering::new().map_err(Error::doing("servers"))?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", answering.port()).and_then(|()| output.flush()).map_err(Error::doing("output"))?;
    answering.run().map_err(Error::doing("servers"))
}

fn address(number: u32) -> Ipv4Addr {
    let first = Ipv4Addr::new(127, 1, 0, 1).to_bits();
    Ipv4Addr::from_bits(first + number)
}
