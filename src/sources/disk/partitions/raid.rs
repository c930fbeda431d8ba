//! Linux' software RAID (`md_p.h` of the kernel): which array a member belongs to, and where its data lies.

use std::ops::Range;

use crate::formats::numbers::{le32, le64};
use crate::sources::medium::{Medium, MediumError, read_vec};

/// A member of an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Member {
    /// The array's name, where it has one.
    pub(super) name: String,
    /// 1 for mirrors, -1 for one after the other, as the kernel has it.
    pub(super) level: i32,
    /// How many members the array has.
    pub(super) disks: u32,
    /// Where on the member its data lies.
    pub(super) data: Range<u64>,
}

const MAGIC: u32 = 0xA92B_4EFC;
const SECTOR: u64 = 512;

impl Member {
    /// Whether one member has all that the array holds.
    pub(super) fn is_whole(&self) -> bool {
        self.level == 1 || self.disks == 1
    }

    pub(super) fn level_in_words(&self) -> String {
        match self.level {
            -1 => "linear RAID".to_owned(),
            level => format!("RAID {level}"),
        }
    }
}

/// Looks in the four places where a superblock may stand.
pub(super) fn read(medium: &dyn Medium) -> Result<Option<Member>, MediumError> {
    let size = medium.size();
    let at_end = (size / SECTOR).saturating_sub(16) & !7;
    for at in [4096, 0, at_end * SECTOR] {
        let (block, holes) = read_vec(medium, at, 256)?;
        if holes.is_empty()
            && le32(&block, 0) == Some(MAGIC)
            && le32(&block, 4) == Some(1)
            && le64(&block, 144) == Some(at / SECTOR)
        {
            return Ok(version_1(&block, size));
        }
    }
    let at = (size & !0xFFFF).saturating_sub(0x1_0000);
    let (block, holes) = read_vec(medium, at, 64)?;
    let is_old = holes.is_empty() && le32(&block, 0) == Some(MAGIC) && le32(&block, 4) == Some(0);
    Ok(if is_old { version_0(&block, at) } else { None })
}

fn version_1(block: &[u8], size: u64) -> Option<Member> {
    let start = le64(block, 128)?.checked_mul(SECTOR)?;
    let end = start.checked_add(le64(block, 136)?.checked_mul(SECTOR)?)?.min(size);
    let name = block.get(32..64)?.split(|byte| *byte == 0).next()?;
    Some(Member {
        name: String::from_utf8_lossy(name).chars().filter(|letter| !letter.is_control()).collect(),
        level: le32(block, 72)?.cast_signed(),
        disks: le32(block, 92)?,
        data: Some(start..end).filter(|data| !data.is_empty())?,
    })
}

fn version_0(block: &[u8], at: u64) -> Option<Member> {
    let said = u64::from(le32(block, 32)?) * 1024;
    Some(Member {
        name: String::new(),
        level: le32(block, 28)?.cast_signed(),
        disks: le32(block, 40)?,
        data: 0..if said > 0 { said.min(at) } else { at },
    })
}
