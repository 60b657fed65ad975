//! A forward HTTP proxy, as `HTTP_PROXY` names one: it lets names stand for servers of a test.
//!
//! It knows the names that it was told and answers 502 for any other, so that nothing leaves the
//! machine. It runs on threads of its own, which end with their connections.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy that is running, for as long as the process.
#[derive(Clone, Debug)]
pub struct ForwardProxy {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    places: BTreeMap<String, String>,
    asked: Mutex<Vec<String>>,
}

impl ForwardProxy {
    /// Starts a proxy that knows `places`: pairs of `name:port` and the `HOST:PORT` that it stands for.
    pub fn start(places: &[(&str, &str)]) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let owned = |(name, place): &(&str, &str)| ((*name).to_owned(), (*place).to_owned());
        let places = places.iter().map(owned).collect();
        let shared = Arc::new(Shared { places, asked: Mutex::default() });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let shared = Arc::clone(&serving);
                // Either side may go at any time, which ends the connection and nothing else.
                thread::spawn(move || drop(shared.serve(client)));
            }
        });
        Self { address, shared }
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns its port.
    pub fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap_or_default()
    }

    /// Returns what was asked for, in order: `CONNECT name:port` or `GET http://name/path`.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("nobody panics in here").clone()
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let mut server: Option<TcpStream> = None;
        while let Some(head) = head(&mut reader)? {
            let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
            let (method, after) = line.split_once(' ').unwrap_or_default();
            let target = after.split(' ').next().unwrap_or_default();
            let asked = format!("{method} {target}");
            self.asked.lock().expect("nobody panics in here").push(asked);
            if method == "CONNECT" {
                let Some(server) = self.dial(target)? else { return refuse(&mut client) };
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                return tunnel(client, reader, server);
            }
            let path = target.strip_prefix("http://").unwrap_or(target);
            let (name, path) = path.split_once('/').unwrap_or((path, ""));
            let name = if name.contains(':') { name.to_owned() } else { format!("{name}:80") };
            let mut connected = match server.take() {
                Some(server) => server,
                None => {
                    let Some(server) = self.dial(&name)? else { return refuse(&mut client) };
                    let (mut answers, mut to) = (server.try_clone()?, client.try_clone()?);
                    thread::spawn(move || {
                        drop(io::copy(&mut answers, &mut to));
                        drop(to.shutdown(Shutdown::Both));
                    });
                    server
                }
            };
            connected.write_all(format!("{method} /{path} HTTP/1.1\r\n{rest}").as_bytes())?;
            io::copy(&mut reader.by_ref().take(length(rest)), &mut connected)?;
            server = Some(connected);
        }
        Ok(())
    }

    fn dial(&self, name: &str) -> io::Result<Option<TcpStream>> {
        self.places.get(name).map(TcpStream::connect).transpose()
    }
}

/// Reads a head with its empty line; none at the connection's end.
fn head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

fn length(headers: &str) -> u64 {
    let value = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    value.unwrap_or(0)
}

fn refuse(client: &mut TcpStream) -> io::Result<()> {
    client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
}

fn tunnel(
    client: TcpStream,
    mut reader: BufReader<TcpStream>,
    server: TcpStream,
) -> io::Result<()> {
    let (mut answers, mut to) = (server.try_clone()?, client);
    thread::spawn(move || {
        drop(io::copy(&mut answers, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
    let mut server = server;
    io::copy(&mut reader, &mut server)?;
    server.shutdown(Shutdown::Write)
}
