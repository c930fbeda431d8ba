//! Which server a Backblaze B2 key belongs to.
//!
//! `b2:` locations name no server. Backblaze tells it to whoever logs in with a key
//! (<https://www.backblaze.com/apidocs/b2-authorize-account>), together with the address of its S3 interface.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use data_encoding::BASE64;

use opendal::{Buffer, Error, ErrorKind, HttpTransporter};
use serde::Deserialize;

use super::runtime::{attempt, prepare};
use super::wire::Wire;
use crate::repository::access::BucketKeys;
use crate::repository::store::fault::Fault;

/// Where one logs in.
pub(super) const API: &str = "https://api.backblazeb2.com";

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Account {
    #[serde(rename = "s3ApiUrl")]
    s3_api_url: String,
}

/// The address of the S3 interface that serves this key's buckets.
pub(super) fn s3_endpoint(api: &str, keys: &BucketKeys) -> Result<String, Fault> {
    prepare();
    let account = attempt("log in at", api, PATIENCE, &AtomicBool::new(false), || {}, || log_in(api, keys))?;
    Ok(account.s3_api_url)
}

async fn log_in(api: &str, keys: &BucketKeys) -> opendal::Result<Account> {
    let login = BASE64.encode(format!("{}:{}", keys.id, keys.secret).as_bytes());
    let request = http::Request::get(format!("{api}/b2api/v2/b2_authorize_account"))
        .header("authorization", format!("Basic {login}"))
        .body(Buffer::new())
        .map_err(|error| Error::new(ErrorKind::Unexpected, "the login cannot be sent").set_source(error))?;
    let answer = HttpTransporter::new(Wire::new(PATIENCE)).send(request).await?;
    serde_json::from_slice(&answer.into_body().to_bytes())
        .map_err(|error| Error::new(ErrorKind::Unexpected, "the answer to the login").set_source(error))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::repository::store::fault::FaultKind;

    /// Plays Backblaze for one login; hands back what it was asked.
    fn log_in_against(answer: &'static str) -> (Result<String, Fault>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(request.get(..read).unwrap()).into_owned()
        });
        let keys = BucketKeys { id: "key-id".to_owned(), secret: "hush".to_owned(), session_token: None };
        (s3_endpoint(&api, &keys), server.join().unwrap())
    }

    #[test]
    fn the_login_tells_which_server_has_the_buckets() {
        let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
                      {\"accountId\":\"x\",\"s3ApiUrl\":\"https://s3.us-west-004.backblazeb2.com\"}";
        let (endpoint, request) = log_in_against(answer);
        assert_eq!(endpoint.unwrap(), "https://s3.us-west-004.backblazeb2.com");
        assert!(request.starts_with("GET /b2api/v2/b2_authorize_account"), "{request}");
        assert!(request.contains(&BASE64.encode(b"key-id:hush")), "{request}");
    }

    #[test]
    fn a_key_that_is_not_valid_is_refused() {
        let (endpoint, _) = log_in_against("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(endpoint.unwrap_err().kind(), FaultKind::Refused);
    }
}
