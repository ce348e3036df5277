//! Files to read: plain, packed by gzip, or standard input.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::PathBuf;

use common::escape;
use flate2::bufread::MultiGzDecoder;

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `-`.
    StandardInput,
    /// A path.
    File(PathBuf),
}

/// What a log is read from.
pub type Input = Box<dyn Read>;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const PACKED_BUFFER: usize = 64 * 1024;

impl Place {
    /// As it stands on the command line.
    pub fn of(word: &str) -> Place {
        if word == "-" { Place::StandardInput } else { Place::File(word.into()) }
    }

    /// Opens it. Whether it is packed its first bytes tell, whatever its name is.
    pub fn open(&self) -> io::Result<(Input, Identity)> {
        let (file, identity): (Input, _) = match self {
            Place::StandardInput => (Box::new(io::stdin().lock()), Identity::of_stdin()),
            Place::File(path) => {
                let file = File::open(path)?;
                let identity = Identity::of(&file);
                (Box::new(file), identity)
            }
        };
        Ok((unpacked(file)?, identity))
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Place::StandardInput => f.write_str("standard input"),
            Place::File(path) => escape::Line(path.display()).fmt(f),
        }
    }
}

fn unpacked(mut file: Input) -> io::Result<Input> {
    let mut first = [0; GZIP.len()];
    let mut length = 0;
    while length < first.len() {
        match file.read(&mut first[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let whole = Cursor::new(first).take(length as u64).chain(file);
    if first[..length] == GZIP {
        let packed = BufReader::with_capacity(PACKED_BUFFER, whole);
        Ok(Box::new(MultiGzDecoder::new(packed)))
    } else {
        Ok(Box::new(whole))
    }
}

/// Which file it is, by whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(Option<(u64, u64)>);

impl Identity {
    /// That of an open file; terminals, pipes and devices are never the same as anything.
    pub fn of(file: &File) -> Identity {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file);
        Identity(metadata.map(|metadata| (metadata.dev(), metadata.ino())))
    }

    fn of_stdin() -> Identity {
        use std::os::fd::AsFd;
        let copy = io::stdin().as_fd().try_clone_to_owned();
        copy.map_or(Identity(None), |copy| Identity::of(&File::from(copy)))
    }

    /// Whether both are one file.
    pub fn is_same(self, other: Identity) -> bool {
        self.0.is_some() && self == other
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        unpacked(Box::new(Cursor::new(bytes)))?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn plain_and_packed_files_are_told_apart_by_their_first_bytes() {
        for plain in [&b""[..], b"\x1f", b"a", b"a log\n"] {
            assert_eq!(read(plain.to_vec()).unwrap(), plain);
            assert_eq!(read(packed(plain)).unwrap(), plain);
        }
    }

    #[test]
    fn packed_files_behind_each_other_are_one() {
        assert_eq!(read([packed(b"a\n"), packed(b"b\n")].concat()).unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_packed_file_that_was_cut_is_an_error_at_its_end() {
        let whole = packed(&b"some line\n".repeat(1000));
        assert!(read(whole[..whole.len() - 9].to_vec()).is_err());
    }
}
