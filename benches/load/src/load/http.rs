//! HTTP/1.1 by hand: one connection that is kept, one request at a time, as little work as possible for each. What
//! the generator uses of the machine, the servers lack.

use std::fmt::{Arguments, Write as _};
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to a server on this machine.
pub struct Connection {
    stream: TcpStream,
    host: SocketAddr,
    sent: String,
    body: String,
    received: Vec<u8>,
}

/// An answer, as it lies in the connection's buffer.
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    head: &'a str,
    /// Its body.
    pub body: &'a str,
}

impl Connection {
    /// Connects.
    pub async fn open(host: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, sent: String::new(), body: String::new(), received: Vec::new() })
    }

    /// GET. `headers` are whole lines.
    pub async fn get(&mut self, path: Arguments<'_>, headers: &str) -> Result<Answer<'_>> {
        self.sent.clear();
        write!(self.sent, "GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.host)?;
        self.exchange().await
    }

    /// POST of a form. `headers` are whole lines.
    pub async fn post(&mut self, path: &str, headers: &str, form: Arguments<'_>) -> Result<Answer<'_>> {
        self.body.clear();
        self.body.write_fmt(form)?;
        self.sent.clear();
        write!(
            self.sent,
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{}",
            self.host,
            self.body.len(),
            self.body
        )?;
        self.exchange().await
    }

    async fn exchange(&mut self) -> Result<Answer<'_>> {
        self.stream.write_all(self.sent.as_bytes()).await?;
        self.received.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(head) = complete(&self.received)? {
                break head;
            }
        };
        let (head, body) = self.received.split_at_checked(head).context("an answer has a head")?;
        Answer::read(std::str::from_utf8(head)?, std::str::from_utf8(body)?)
    }
}

/// The length of the head, if all of the answer is there.
fn complete(received: &[u8]) -> Result<Option<usize>> {
    let Some(end) = memmem::find(received, b"\r\n\r\n") else { return Ok(None) };
    let head = end + 4;
    let text = std::str::from_utf8(received.get(..head).unwrap_or_default())?;
    let length: usize = match header(text, "content-length") {
        Some(length) => length.parse()?,
        None => bail!("an answer without content-length: {}", text.lines().next().unwrap_or_default()),
    };
    Ok((received.len() >= head + length).then_some(head))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    headers(head, name).next()
}

fn headers<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    head.split("\r\n").skip(1).filter_map(move |line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl<'a> Answer<'a> {
    fn read(head: &'a str, body: &'a str) -> Result<Self> {
        let status = head.get(9..12).context("an answer without a status")?.parse()?;
        Ok(Self { status, head, body })
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// The cookie it sets, `name=value`.
    pub fn cookie(&self) -> Option<&'a str> {
        headers(self.head, "set-cookie").filter_map(|cookie| cookie.split(';').next()).last()
    }

    /// A member of its JSON that is a text without escapes, found without reading the rest.
    pub fn member(&self, name: &str) -> Option<&'a str> {
        let (_, rest) = self.body.split_once(name)?;
        rest.strip_prefix("\":\"")?.split('"').next()
    }

    /// The answer, if it has this status.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status != status {
            let start: String = self.body.chars().take(200).collect();
            bail!("{} where {status} was expected: {start}", self.status);
        }
        Ok(self)
    }

    /// A hidden field of the form that posts to `action`.
    pub fn hidden(&self, action: &str, name: &str) -> Option<&'a str> {
        let (_, form) = self.body.split_once(&format!("method=\"post\" action=\"{action}\""))?;
        let form = form.split("</form>").next()?;
        let (_, rest) = form.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nset-cookie: a=b; Path=/\r\n\r\n{\"t\":\"text\"}";

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let bytes = ANSWER.as_bytes();
        let head = complete(bytes).unwrap().unwrap();
        assert_eq!(ANSWER.split_at(head).1, "{\"t\":\"text\"}");
        for cut in 1..bytes.len() {
            assert_eq!(complete(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        assert!(complete(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn what_is_carried_on_is_found() {
        let (head, body) = ANSWER.split_at(complete(ANSWER.as_bytes()).unwrap().unwrap());
        let answer = Answer::read(head, body).unwrap();
        assert_eq!((answer.status, answer.cookie(), answer.member("t")), (200, Some("a=b"), Some("text")));
        assert_eq!(answer.member("x"), None);
        assert!(answer.expect(303).is_err());
    }

    #[test]
    fn a_hidden_field_is_that_of_its_form() {
        let body = "<form method=\"post\" action=\"/a\"><input name=\"csrf\" value=\"1\"></form>\
                    <form method=\"post\" action=\"/b\"><input name=\"csrf\" value=\"2\"></form>";
        let answer = Answer::read("HTTP/1.1 200 OK\r\n\r\n", body).unwrap();
        assert_eq!((answer.hidden("/a", "csrf"), answer.hidden("/b", "csrf")), (Some("1"), Some("2")));
        assert_eq!((answer.hidden("/a", "other"), answer.hidden("/c", "csrf")), (None, None));
    }
}
