//! Who wants to see the picture while its codes are followed.

use super::frame::Frame;

/// For each place in the zigzag order, the place in a block that is kept column by column (T.81, figure A.6, turned over
/// its diagonal); 79 entries, so that a run that leads out of the block finds a place too before it is refused.
pub const COLUMNS: [u8; 79] = [
    0, 8, 1, 2, 9, 16, 24, 17, 10, 3, 4, 11, 18, 25, 32, 40, 33, 26, 19, 12, 5, 6, 13, 20, 27, 34, 41, 48, 56, 49, 42,
    35, 28, 21, 14, 7, 15, 22, 29, 36, 43, 50, 57, 58, 51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54,
    61, 62, 55, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
];

/// Where a block stands in its component, counted in blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// From the left.
    pub across: u32,
    /// From the top.
    pub down: u32,
}

/// Is given the coefficients of a picture, as they are read: still to be multiplied by their quantizers.
///
/// Blocks come in the order of the file, those before a fault included; after a fault some may be wrong, and a block may
/// come twice. Blocks that cannot be read never come.
pub trait Painter {
    /// Whether anything is done with what is given; where not, values are not even computed.
    const LISTENS: bool;

    /// The picture's size and components are known; the height of a picture that tells it late is filled in.
    fn begin(&mut self, frame: &Frame);

    /// The quantizers of a component, in zigzag order, before each of its scans.
    fn quantizers(&mut self, component: usize, zigzag: &[u16; 64]);

    /// A whole block of a sequential picture, column by column: the vertical frequencies of one horizontal one stand
    /// together. Behind `last`, in zigzag order, all are zero.
    fn block(&mut self, component: usize, place: Place, coefficients: &[i16; 64], last: u32);

    /// A coefficient of a progressive picture, by its place in zigzag order.
    fn set(&mut self, component: usize, place: Place, zigzag: u32, value: i32);

    /// One more bit of a coefficient that [`Painter::set`] gave: `step` further from zero; for the mean (0), that bit set.
    fn refine(&mut self, component: usize, place: Place, zigzag: u32, step: i32);
}

/// Nobody wants to see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nobody;

impl Painter for Nobody {
    const LISTENS: bool = false;

    fn begin(&mut self, _frame: &Frame) {}

    fn quantizers(&mut self, _component: usize, _zigzag: &[u16; 64]) {}

    #[inline]
    fn block(&mut self, _component: usize, _place: Place, _coefficients: &[i16; 64], _last: u32) {}

    fn set(&mut self, _component: usize, _place: Place, _zigzag: u32, _value: i32) {}

    fn refine(&mut self, _component: usize, _place: Place, _zigzag: u32, _step: i32) {}
}
