//! Ports for processes that must be told theirs before they start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that connections are given, so that none takes one between here and there.
const FROM: u16 = 12_000;
const UP_TO: u16 = 30_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Addresses at which nobody listens, and of which no other test is told.
pub fn free_addresses<const N: usize>() -> [String; N] {
    std::array::from_fn(|_| free_address())
}

fn free_address() -> String {
    let start = std::process::id() % u32::from(UP_TO - FROM);
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u32::from(FROM) + (start * 7 + step) % u32::from(UP_TO - FROM);
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
