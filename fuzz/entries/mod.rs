//! What is fuzzed: one function for each reader of bytes that somebody else wrote. Each says what is wrong with
//! what the reader made of them, or nothing. The fuzz targets and the replay of their corpus both call these; the
//! exchange's answers (`answer`, `rows`) have theirs in `mandated::venue::bybit::wild`.

mod account;
pub(crate) mod caps;
mod exact;
mod files;
mod paper;
mod shared;
mod texts;

pub(crate) type Entry = fn(&[u8]) -> Result<(), String>;

pub(crate) const ENTRIES: &[(&str, Entry)] = &[
    ("mandate", texts::mandate),
    ("policy", texts::policy),
    ("arguments", texts::arguments),
    ("explain", texts::explain_line),
    ("chain", files::chain),
    ("counter", files::counter),
    ("inflight", files::inflight),
    ("token", files::token),
    ("halt", shared::halt),
    ("claim", shared::claim),
    ("receipt", shared::receipt),
    ("settled", shared::settled),
    ("faults", paper::faults),
    ("replay", paper::replay),
];
