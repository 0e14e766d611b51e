//! Asking whoever listens at an address, as far as an operator's checks need it: one GET in plain HTTP/1.1, bounded
//! in time and length.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const CONNECT: Duration = Duration::from_millis(500);
/// A Grantor whose database is away says so only after it has waited for it.
const ANSWER: Duration = Duration::from_secs(4);
const LONGEST: usize = 64 * 1024;

/// What was heard at an address.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nobody listens there.
    Nobody,
    /// Somebody listens, and does not answer in HTTP.
    Noise,
    /// An answer.
    Answer {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
}

/// Sends `GET path` there, and listens.
pub fn get(at: SocketAddr, path: &str) -> Heard {
    let Ok(mut stream) = TcpStream::connect_timeout(&reachable(at), CONNECT) else {
        return Heard::Nobody;
    };
    let said = stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").as_bytes())
        .map(|()| listen(&mut stream));
    said.ok().as_deref().and_then(answer).unwrap_or(Heard::Noise)
}

/// Who listens everywhere is reached on this machine.
fn reachable(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, at.port())
}

/// All that comes until the other ends, within the bounds.
fn listen(stream: &mut TcpStream) -> Vec<u8> {
    let started = Instant::now();
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while heard.len() < LONGEST
        && let Some(left) = ANSWER.checked_sub(started.elapsed()).filter(|left| !left.is_zero())
        && stream.set_read_timeout(Some(left)).is_ok()
        && let Ok(length @ 1..) = stream.read(&mut piece)
    {
        heard.extend(piece.iter().take(length));
    }
    heard
}

fn answer(bytes: &[u8]) -> Option<Heard> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Heard::Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_http_is_an_answer() {
        let heard = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(answer(heard), Some(Heard::Answer { status: 503, body: "no".into() }));
        for noise in
            [&b""[..], b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 fine\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
        {
            assert_eq!(answer(noise), None);
        }
    }

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (at, here) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reachable(at.parse().unwrap()), here.parse().unwrap());
        }
    }
}
