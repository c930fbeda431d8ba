//! Drives and images of them, read without being mounted.

mod device;
mod ext;
mod fat;
mod hfs;
mod ntfs;
mod whole;
