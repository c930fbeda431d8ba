//! A store in a bucket, through opendal, behind a synchronous face.

mod answer;
mod b2;
mod runtime;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opendal::{ErrorKind, HttpTransporter, OperationContext, Operator, services};

use self::runtime::{attempt, prepare};
use self::wire::{Wire, patience_for};
use super::fault::{Fault, FaultKind};
use crate::repository::access::{Access, BucketKeys};
use crate::repository::error::RepositoryError;
use crate::repository::location::{Kind, Location};

/// The region of a server that has none: what such servers are signed for by custom.
const DEFAULT_REGION: &str = "us-east-1";

/// How long a server may say nothing, unless the option `timeout` says otherwise.
const PATIENCE: Duration = Duration::from_mins(1);

/// A list may take so many times as long: it is one request for each thousand names, and a million packs are a
/// thousand pages.
const FOR_A_LIST: u32 = 20;

#[derive(Debug)]
pub(super) struct BucketStore {
    operator: Operator,
    /// How long the server may say nothing.
    silence: Duration,
    /// Set when nobody waits for the answers any more.
    abandoned: AtomicBool,
}

impl BucketStore {
    pub(super) fn new(access: &Access) -> Result<Self, RepositoryError> {
        let location = &access.location;
        let keys =
            access.bucket_keys.as_ref().ok_or_else(|| RepositoryError::NoBucketKeys { location: location.clone() })?;
        let silence = silence(access)?;
        let operator = match location.kind() {
            Kind::S3 { endpoint, bucket, prefix } => s3(access, keys, endpoint, bucket, prefix, silence),
            // The same files under the same names, through the other door of the same server: opendal's own B2
            // service sends every upload marked "do_not_verify", so a byte that changed on the way would be kept.
            Kind::B2 { bucket, prefix } => {
                let endpoint =
                    b2::s3_endpoint(b2::API, keys).map_err(|fault| RepositoryError::from_fault(location, fault))?;
                s3(access, keys, &endpoint, bucket, prefix, silence)
            }
            Kind::Local(_) => return Err(RepositoryError::NotFound { location: location.clone() }),
        };
        let operator = operator.map_err(|error| RepositoryError::from_fault(location, unusable(location, error)))?;
        Ok(Self { operator, silence, abandoned: AtomicBool::new(false) })
    }

    /// Makes requests fail: those under way soon, later ones after one attempt.
    pub(super) fn abandon(&self, abandoned: bool) {
        self.abandoned.store(abandoned, Ordering::Relaxed);
    }

    pub(super) fn read(&self, path: &str, count: impl Fn()) -> Result<Bytes, Fault> {
        // Whole files are configuration, keys, index and snapshots: small, so no allowance for size.
        let buffer = attempt("read", path, self.silence, &self.abandoned, count, || self.operator.read(path))?;
        Ok(buffer.to_bytes())
    }

    pub(super) fn read_range(&self, path: &str, offset: u64, length: usize, count: impl Fn()) -> Result<Bytes, Fault> {
        let end = offset.checked_add(length as u64).ok_or_else(|| Fault::new(FaultKind::Other, "read", path))?;
        let buffer =
            attempt("read", path, patience_for(self.silence, length as u64), &self.abandoned, count, || async move {
                self.operator.read_with(path).range(offset..end).await
            })?;
        if buffer.len() == length {
            Ok(buffer.to_bytes())
        } else {
            let short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            Err(Fault::new(FaultKind::Other, "read", path).because(short))
        }
    }

    pub(super) fn write(&self, path: &str, parts: &[Bytes], count: impl Fn()) -> Result<(), Fault> {
        let size = parts.iter().map(|part| part.len() as u64).sum();
        attempt("write", path, patience_for(self.silence, size), &self.abandoned, count, || {
            // Cheap: the parts are counted references. One request, so an upload is whole or not there.
            let buffer = opendal::Buffer::from(parts.to_vec());
            self.operator.write(path, buffer)
        })?;
        Ok(())
    }

    pub(super) fn remove(&self, path: &str, count: impl Fn()) -> Result<(), Fault> {
        match attempt("remove", path, self.silence, &self.abandoned, count, || self.operator.delete(path)) {
            // Some servers say so; and an answer that was lost on the way was no reason to keep it.
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(()),
            other => other,
        }
    }

    pub(super) fn size(&self, path: &str, count: impl Fn()) -> Result<Option<u64>, Fault> {
        match attempt("look at", path, self.silence, &self.abandoned, count, || self.operator.stat(path)) {
            Ok(metadata) => Ok(Some(metadata.content_length())),
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// All files below `folder`. A page that fails after its attempts fails the whole listing.
    pub(super) fn list(&self, folder: &str, count: impl Fn()) -> Result<Vec<(String, u64)>, Fault> {
        let folder = format!("{folder}/");
        let entries = attempt("list", &folder, self.silence * FOR_A_LIST, &self.abandoned, count, || async {
            self.operator.list_with(&folder).recursive(true).await
        })?;
        let files = entries.into_iter().filter(|entry| entry.metadata().is_file());
        Ok(files.map(|entry| (entry.path().to_owned(), entry.metadata().content_length())).collect())
    }
}

/// What the option `timeout` says.
fn silence(access: &Access) -> Result<Duration, RepositoryError> {
    let Some(value) = access.options.get("timeout") else { return Ok(PATIENCE) };
    match value.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err(RepositoryError::BadOption {
            name: "timeout".to_owned(),
            value: value.clone(),
            why: "it is a number of seconds, from 1 to 3600",
        }),
    }
}

fn s3(
    access: &Access,
    keys: &BucketKeys,
    endpoint: &str,
    bucket: &str,
    prefix: &str,
    silence: Duration,
) -> opendal::Result<Operator> {
    prepare();
    let option = |name: &str| access.options.get(name).map(String::as_str);
    let region = option("region").or_else(|| region_in(endpoint)).unwrap_or(DEFAULT_REGION);
    let mut service = services::S3::default()
        .endpoint(endpoint)
        .bucket(bucket)
        .root(&format!("/{prefix}"))
        .region(region)
        .access_key_id(&keys.id)
        .secret_access_key(&keys.secret)
        // Neither this machine's own cloud settings nor a metadata server may slip other keys in.
        .disable_config_load()
        .disable_ec2_metadata();
    if let Some(token) = &keys.session_token {
        service = service.session_token(token);
    }
    if option("virtual_host_style") == Some("true") {
        service = service.enable_virtual_host_style();
    }
    if option("list_objects_v1") == Some("true") {
        service = service.disable_list_objects_v2();
    }
    if let Some(class) = option("storage_class") {
        service = service.default_storage_class(class);
    }
    if let Some(encryption) = option("server_side_encryption") {
        service = service.server_side_encryption(encryption);
    }
    match option("checksum").unwrap_or("md5") {
        "none" => {}
        algorithm => service = service.checksum_algorithm(algorithm),
    }
    let way = OperationContext::new().with_http_transport(HttpTransporter::new(Wire::new(silence)));
    Ok(Operator::new(service)?.with_context(way))
}

/// The region in a host name of the common form `s3.REGION.provider.tld`.
fn region_in(endpoint: &str) -> Option<&str> {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
    let mut parts = host.strip_prefix("s3.")?.split('.');
    let region = parts.next()?;
    // s3.amazonaws.com has no region in it: what follows must still be a domain.
    (parts.count() >= 2).then_some(region)
}

fn unusable(location: &Location, error: opendal::Error) -> Fault {
    let kind = if error.kind() == ErrorKind::ConfigInvalid { FaultKind::NotAStore } else { FaultKind::Other };
    Fault::new(kind, "prepare", location.to_string()).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_host_where_it_stands_there() {
        assert_eq!(region_in("https://s3.us-west-004.backblazeb2.com"), Some("us-west-004"));
        assert_eq!(region_in("https://s3.eu-central-1.amazonaws.com"), Some("eu-central-1"));
        assert_eq!(region_in("https://s3.amazonaws.com"), None);
        assert_eq!(region_in("http://127.0.0.1:9100"), None);
    }
}
