//! A drive or an image of one, read without mounting it: partitions, file systems, deleted files, free space.

mod clusters;
pub mod exfat;
pub mod fat;
pub mod apfs;
mod decmpfs;
pub mod carve;
pub mod file_system;
pub mod partitions;
mod ntfs;
pub mod btrfs;
mod chunks;
pub mod ext;
mod inodes;
mod layout;
mod signs;
pub mod xfs;
mod decmpfs;
mod folder_tree;
pub mod hfsplus;
pub mod optical;
mod scattered;
