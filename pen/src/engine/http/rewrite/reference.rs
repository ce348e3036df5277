//! What the rewriter should do, said slowly: all that a client sends is there at once, is cut into lines, and every rule of
//! `docs/http.md` is asked of them by itself. Only tests and fuzz targets have this.

use super::Refusal;

/// What becomes of all that a client sends.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the server gets.
    pub output: Vec<u8>,
    /// Which requests are in it.
    pub requests: Vec<Asking>,
    /// Why the rest is not passed on.
    pub refusal: Option<Refusal>,
    /// The refusal is in the middle of a body or of a binary line, of which `output` is the beginning that is certainly right.
    pub is_cut: bool,
}

/// A request, as far as its answer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// An ordinary one.
    Ordinary,
    /// One whose answer has no body.
    Head,
    /// One for another protocol.
    Upgrade,
    /// One for a tunnel.
    Tunnel,
}

/// Why there is nothing more to read.
enum Stop {
    /// All is read, or what is left is not complete.
    Incomplete,
    Refused(Refusal),
    /// The same in a body.
    Cut,
}

struct Reader<'a> {
    rest: &'a [u8],
    outcome: Outcome,
    client: &'a str,
    protocol: &'a str,
    /// Whether the server switches protocols when it is asked to.
    switches: bool,
}

/// Rewrites what a client sends until it closes.
pub fn rewrite(input: &[u8], client: &str, protocol: &str, switches: bool) -> Outcome {
    let mut reader = Reader { rest: input, outcome: Outcome::default(), client, protocol, switches };
    loop {
        match reader.request() {
            Ok(()) => {}
            Err(Stop::Incomplete) => return reader.outcome,
            Err(Stop::Refused(refusal)) => {
                reader.outcome.refusal = Some(refusal);
                return reader.outcome;
            }
            Err(Stop::Cut) => {
                reader.outcome.refusal = Some(Refusal::Malformed);
                reader.outcome.is_cut = true;
                return reader.outcome;
            }
        }
    }
}

const MALFORMED: Stop = Stop::Refused(Refusal::Malformed);

impl Reader<'_> {
    fn pass(&mut self, length: usize) {
        self.outcome.output.extend(&self.rest[..length]);
        self.rest = &self.rest[length..];
    }

    fn pass_all(&mut self) -> Stop {
        self.pass(self.rest.len());
        Stop::Incomplete
    }

    fn request(&mut self) -> Result<(), Stop> {
        while self.rest.starts_with(b"\n") || self.rest.starts_with(b"\r\n") {
            self.pass(if self.rest[0] == b'\n' { 1 } else { 2 });
        }
        if self.rest.is_empty() {
            return Err(Stop::Incomplete);
        }
        let is_proxy_header = self.outcome.output.len() == 4 && self.rest[0] == b'\0';
        if is_proxy_header || self.rest.starts_with(b"PROXY ") {
            return Err(MALFORMED);
        }
        if self.rest[0] == b'\r' && self.rest.len() > 1 {
            return Err(MALFORMED);
        }
        self.first_line()?;
        let (lines, length) = head_lines(self.rest).ok_or(MALFORMED)?;
        let (method, is_1_0) = request_line(lines[0])?;
        let fields = fields(&lines[1..]).ok_or(MALFORMED)?;
        same_line_ends(&self.rest[..length]).ok_or(MALFORMED)?;
        let chunked = chunked(&fields, is_1_0)?;
        let size = content_length(&fields)?;
        if (chunked && size.is_some())
            || values(&fields, "host").len() > 1
            || (method == b"CONNECT" && (chunked || size.unwrap_or(0) > 0))
        {
            return Err(MALFORMED);
        }
        let asking = match method {
            b"CONNECT" => Asking::Tunnel,
            _ if values(&fields, "upgrade").iter().any(|value| !wanted_protocols(value).is_empty()) => {
                Asking::Upgrade
            }
            b"HEAD" => Asking::Head,
            _ => Asking::Ordinary,
        };
        self.outcome.requests.push(asking);
        self.write_head(&lines, &fields, length);
        self.rest = &self.rest[length..];
        if chunked {
            self.chunks()?;
        } else {
            let size = usize::try_from(size.unwrap_or(0)).unwrap_or(usize::MAX);
            self.pass(size.min(self.rest.len()));
        }
        if self.switches && matches!(asking, Asking::Upgrade | Asking::Tunnel) {
            return Err(self.pass_all());
        }
        Ok(())
    }

    /// What the first line of the connection, or of a later request, comes to by itself.
    fn first_line(&mut self) -> Result<(), Stop> {
        let is_first = self.outcome.requests.is_empty();
        let first = char::from(self.rest[0]);
        let no_text = !is_space(first) && !first.is_ascii_graphic() && first != '\n';
        if is_first && (no_text || self.rest.starts_with(b"AMQP\0")) {
            return Err(self.binary());
        }
        let line = self.rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text: String = line.iter().map(|byte| char::from(*byte)).collect();
        let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
        if text == "PRI * HTTP/2.0" {
            return Err(Stop::Refused(Refusal::Silent));
        }
        let target = words.get(1).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        let may_be_http = text.to_ascii_uppercase().contains("HTTP/")
            || words.first() == Some(&"GET")
            || ["/", "http:", "https:"].iter().any(|beginning| target.starts_with(beginning));
        match (may_be_http, is_first) {
            (true, _) => Ok(()),
            (false, true) => Err(self.pass_all()),
            (false, false) => Err(MALFORMED),
        }
    }

    /// Another protocol, unless a server can find a version of http in the first line.
    fn binary(&mut self) -> Stop {
        let line = self.rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = &line[..line.len().min(64 * 1024)];
        let has_version = (line.windows(7)).any(|part| {
            is_space(char::from(part[0]))
                && part[1..6].eq_ignore_ascii_case(b"HTTP/")
                && part[6].is_ascii_digit()
        });
        // What came in earlier reads is passed on.
        if has_version { Stop::Cut } else { self.pass_all() }
    }

    fn write_head(&mut self, lines: &[&[u8]], fields: &[Field<'_>], length: usize) {
        let end: &[u8] = if self.rest[..length].ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
        let mut out: Vec<Vec<u8>> = vec![lines[0].to_vec()];
        let last = fields.iter().rposition(|field| field.name == "x-forwarded-for");
        let mut has_protocol = false;
        for (index, (field, line)) in fields.iter().zip(&lines[1..]).enumerate() {
            let name = &line[..field.name.len()];
            let told = |text: &str| [name, b": ", text.as_bytes()].concat();
            let folded = field.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            match (&*field.name, &*folded) {
                ("x-forwarded-for", _) if Some(index) == last => {
                    let mut told = values(fields, "x-forwarded-for");
                    told.retain(|value| !value.is_empty());
                    told.push(self.client.as_bytes());
                    out.push([name, b": ", &told.join(&b", "[..])].concat());
                }
                ("x-forwarded-proto", _) if !has_protocol => {
                    has_protocol = true;
                    out.push(told(self.protocol));
                }
                (_, "x-forwarded-for" | "x-forwarded-proto") => {}
                ("connection", _) => out.extend(without(line, name, field.value, &options(field.value))),
                ("upgrade", _) => {
                    out.extend(without(line, name, field.value, &wanted_protocols(field.value)));
                }
                _ => out.push(line.to_vec()),
            }
        }
        if !has_protocol {
            out.push(format!("X-Forwarded-Proto: {}", self.protocol).into_bytes());
        }
        if last.is_none() {
            out.push(format!("X-Forwarded-For: {}", self.client).into_bytes());
        }
        out.push(Vec::new());
        for line in out {
            self.outcome.output.extend(line);
            self.outcome.output.extend(end);
        }
    }

    fn chunks(&mut self) -> Result<(), Stop> {
        loop {
            let line_length = self.rest.windows(2).position(|two| two == b"\r\n").map(|at| at + 2);
            let size = match line_length {
                Some(length) => chunk_size(&self.rest[..length]).ok_or(Stop::Cut)?,
                None if may_become_chunk_size(self.rest) => return Err(self.pass_all()),
                None => return Err(Stop::Cut),
            };
            self.pass(line_length.unwrap_or(0));
            if size == 0 {
                return self.trailers();
            }
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            self.pass(size.min(self.rest.len()));
            match self.rest {
                [b'\r', b'\n', ..] => self.pass(2),
                [] | [b'\r'] => return Err(self.pass_all()),
                _ => return Err(Stop::Cut),
            }
        }
    }

    fn trailers(&mut self) -> Result<(), Stop> {
        // As if they were a head without a first line.
        let head = [b"\r\n", self.rest].concat();
        let (lines, length) = head_lines(&head).ok_or(Stop::Cut)?;
        let fields = fields(&lines[1..]).ok_or(Stop::Cut)?;
        let tells = |field: &Field<'_>| {
            let folded = field.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            let of_heads = ["host", "content-length", "transfer-encoding", "connection", "upgrade"];
            of_heads.contains(&&*field.name) || ["x-forwarded-for", "x-forwarded-proto"].contains(&&*folded)
        };
        if fields.iter().any(tells) || same_line_ends(&head[..length]).is_none() {
            return Err(Stop::Cut);
        }
        self.pass(length - 2);
        Ok(())
    }
}

struct Field<'a> {
    /// In lower case.
    name: String,
    value: &'a [u8],
}

/// The lines before the first empty one, without their ends, and the length of it all.
fn head_lines(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let mut lines = Vec::new();
    let mut length = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() && !lines.is_empty() {
            return Some((lines, length));
        }
        lines.push(line);
    }
    None
}

fn same_line_ends(head: &[u8]) -> Option<()> {
    let lines: Vec<_> = head.split_inclusive(|byte| *byte == b'\n').collect();
    let crlf = lines.iter().filter(|line| line.ends_with(b"\r\n")).count();
    (crlf == 0 || crlf == lines.len()).then_some(())
}

fn request_line(line: &[u8]) -> Result<(&[u8], bool), Stop> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { return Err(MALFORMED) };
    let target_is_good = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    match version {
        b"HTTP/1.0" | b"HTTP/1.1" if is_token(method) && target_is_good => {
            Ok((method, version == b"HTTP/1.0"))
        }
        _ => Err(MALFORMED),
    }
}

fn fields<'a>(lines: &[&'a [u8]]) -> Option<Vec<Field<'a>>> {
    lines.iter().map(|line| field(line)).collect()
}

fn field(line: &[u8]) -> Option<Field<'_>> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) || value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return None;
    }
    let blanks = |byte: &u8| matches!(byte, b' ' | b'\t');
    let begin = value.iter().position(|byte| !blanks(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blanks(byte)).map_or(begin, |last| last + 1);
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Some(Field { name, value: &value[begin..end] })
}

fn values<'a>(fields: &[Field<'a>], name: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|field| field.name == name).map(|field| field.value).collect()
}

fn chunked(fields: &[Field<'_>], is_1_0: bool) -> Result<bool, Stop> {
    match values(fields, "transfer-encoding")[..] {
        [] => Ok(false),
        [coding] if coding.eq_ignore_ascii_case(b"chunked") && !is_1_0 => Ok(true),
        _ => Err(MALFORMED),
    }
}

fn content_length(fields: &[Field<'_>]) -> Result<Option<u64>, Stop> {
    match values(fields, "content-length")[..] {
        [] => Ok(None),
        [length] if (1..=18).contains(&length.len()) && length.iter().all(u8::is_ascii_digit) => {
            Ok(String::from_utf8_lossy(length).parse().ok())
        }
        _ => Err(MALFORMED),
    }
}

fn list(value: &[u8]) -> Vec<&[u8]> {
    let parts = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    parts.filter(|part| !part.is_empty()).collect()
}

/// Options of Connection but for our fields.
fn options(value: &[u8]) -> Vec<&[u8]> {
    let names_ours = |option: &[u8]| {
        let option = String::from_utf8_lossy(option).to_ascii_lowercase();
        option.split([' ', '\t', ';']).any(|word| ["x-forwarded-for", "x-forwarded-proto"].contains(&word))
    };
    list(value).into_iter().filter(|option| !names_ours(option)).collect()
}

/// Protocols of Upgrade but for http and what may hide it.
fn wanted_protocols(value: &[u8]) -> Vec<&[u8]> {
    let hides_http = |protocol: &[u8]| {
        let protocol = String::from_utf8_lossy(protocol).to_ascii_lowercase();
        protocol.split([' ', '\t', ';']).any(|word| {
            let name = word.split('/').next().unwrap_or_default();
            name.starts_with("h2c") || ["h2", "http", "tls"].contains(&name)
        })
    };
    list(value).into_iter().filter(|protocol| !hides_http(protocol)).collect()
}

/// The line with these members of its list; unchanged if these are all.
fn without(line: &[u8], name: &[u8], value: &[u8], wanted: &[&[u8]]) -> Option<Vec<u8>> {
    if wanted == list(value) {
        return Some(line.to_vec());
    }
    (!wanted.is_empty()).then(|| [name, b": ", &wanted.join(&b", "[..])].concat())
}

/// The size that a whole line says, with its CRLF.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let extension = &line[digits..];
    if extension.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') || digits > 16 {
        return None;
    }
    let size = u64::from_str_radix(&String::from_utf8_lossy(&line[..digits]), 16).ok()?;
    let mut extension = extension.iter().filter(|byte| !matches!(byte, b' ' | b'\t'));
    let size_ends = extension.next().is_none_or(|byte| *byte == b';');
    (size_ends && size < 1 << 63).then_some(size)
}

fn may_become_chunk_size(line: &[u8]) -> bool {
    ["0\r\n", "\r\n", "\n"].iter().any(|end| chunk_size(&[line, end.as_bytes()].concat()).is_some())
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Blanks of any server's language.
fn is_space(character: char) -> bool {
    (character.is_whitespace() && character != '\n') || ('\x1c'..='\x1f').contains(&character)
}
