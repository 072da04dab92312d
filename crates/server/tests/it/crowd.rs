//! More callers than there are places: they are refused with a word, and served once there is a place.

use crate::place::Place;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn get(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: core\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_caller_without_a_place_is_refused_early_and_served_once_there_is_one() {
    let place = Place::new("crowd", &[("MAX_CONNECTIONS", "3")]);
    let core = place.start();
    // A place is taken for sure once something was answered there.
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&core.address).expect("connects");
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: core\r\n\r\n").expect("sends");
        let read = stream.read(&mut [0; 512]).expect("answers");
        assert!(read > 0);
        silent.push(stream);
    }
    for _ in 0..20 {
        let begun = Instant::now();
        let refused = get(&core.address).expect("answers").to_lowercase();
        assert!(
            refused.starts_with("http/1.1 503") && refused.contains("\r\nretry-after: 1\r\n"),
            "{refused}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    // Who says nothing does not keep the word from others.
    let mute: Vec<TcpStream> = (0..300).flat_map(|_| TcpStream::connect(&core.address)).collect();
    drop(mute);
    drop(silent);
    let begun = Instant::now();
    loop {
        // As long as it is not seen that those are gone, others may be cut off without a word.
        let answer = get(&core.address);
        if answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the places did not come free: {answer:?}");
    }
    let (clean, log) = core.stop();
    assert!(clean && log.matches("every place for a connection is taken").count() > 0, "{log}");
}
