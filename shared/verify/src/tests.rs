//! Evidence and judgements through the public door: recorded bundles, other people's, and such as are
//! forged here because nobody would sign them.

mod altered;
mod forge;
mod forged;
mod judged;
mod older;
mod public;
mod recorded;

pub(crate) use recorded::ROOT;
