//! How a target takes its input apart.

use bytes::Bytes;
use http::{Method, Request};

/// The first byte, which chooses among several ways to use the rest.
pub(crate) fn choice(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_first().map(|(first, rest)| (usize::from(*first), rest))
}

/// Text of so many lines; what follows belongs to the last one, and missing ones are empty.
pub(crate) fn lines<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut lines = std::str::from_utf8(data).ok()?.splitn(N, '\n');
    Some(std::array::from_fn(|_| lines.next().unwrap_or_default()))
}

/// `POST /path?query`, headers, an empty line, the body. `None`: no HTTP server would let it through.
pub(crate) fn request(text: &[u8]) -> Option<Request<Bytes>> {
    let end = text.windows(2).position(|two| two == b"\n\n").unwrap_or(text.len());
    let body = Bytes::copy_from_slice(text.get(end + 2..).unwrap_or_default());
    let mut head = std::str::from_utf8(&text[..end]).ok()?.lines();
    let (method, path) = head.next()?.split_once(' ')?;
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(path);
    for line in head {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(body).ok()
}

/// Several of them, each after a line of three hyphens.
pub(crate) fn requests(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BETWEEN: &[u8] = b"\n---\n";
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let all = rest?;
        let end = all.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        rest = end.map(|end| &all[end + BETWEEN.len()..]);
        Some(&all[..end.unwrap_or(all.len())])
    })
}
