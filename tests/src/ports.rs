//! Ports of loopback, each given once in a process: whoever remembers an address, as a fleet that tests share
//! does, never meets another server there, and an address that was left stays nobody's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// None is one that a system gives by itself: Linux begins at 32,768, others at 49,152 (RFC 6335, section 6).
const FIRST: u16 = 10_240;
const COUNT: u16 = 22_528;

/// How many were given.
static GIVEN: Mutex<u16> = Mutex::new(0);

/// Listens at a port of its own.
///
/// Panics when all were given.
pub fn listen() -> TcpListener {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Processes that run beside each other begin at different ones, mostly.
    let first = std::process::id().wrapping_mul(997) % u32::from(COUNT);
    while *given < COUNT {
        let offset = (first + u32::from(*given)) % u32::from(COUNT);
        *given += 1;
        let port = FIRST + u16::try_from(offset).expect("it is less than a port");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener;
        }
    }
    panic!("all {COUNT} ports were given");
}

/// Listens at a port of its own, in a runtime.
pub fn listen_async() -> tokio::net::TcpListener {
    let listener = listen();
    listener.set_nonblocking(true).expect("a listener of ours");
    tokio::net::TcpListener::from_std(listener).expect("there is a runtime")
}

/// Returns an address where nobody listens, and none but whoever is told of it will.
pub fn free() -> SocketAddr {
    listen().local_addr().expect("it is bound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_given_twice() {
        let given: std::collections::BTreeSet<SocketAddr> = (0..1_000).map(|_| free()).collect();
        assert_eq!(given.len(), 1_000);
        assert!(given.iter().all(|address| (FIRST..FIRST + COUNT).contains(&address.port())));
        let taken = given.iter().map(|address| TcpListener::bind(address).expect("it is free"));
        drop(taken.collect::<Vec<_>>());
    }
}
