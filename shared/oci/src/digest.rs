//! Content digests: what content is called, and the running hash that proves the name.
//!
//! Only the two registered algorithms exist here, `sha256` and `sha512`, in lower-case hexadecimal.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// A digest of content: its algorithm and value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// `sha256:` and 64 hexadecimal digits.
    Sha256([u8; 32]),
    /// `sha512:` and 128 hexadecimal digits.
    Sha512([u8; 64]),
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no sha256 or sha512 digest", text.escape_default())]
pub struct InvalidDigest {
    /// The start of the text.
    pub text: String,
}

impl Digest {
    /// Returns the sha256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// Returns whether `bytes` are what this digest names.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish() == *self
    }

    /// Returns a fresh hasher of this digest's algorithm.
    pub fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(sha2::Sha256::new()),
            Self::Sha512(_) => Hasher::Sha512(sha2::Sha512::new()),
        }
    }

    /// Returns the algorithm's registered name.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::Sha512(_) => "sha512",
        }
    }

    /// Returns the value in lower-case hexadecimal.
    pub fn hex(&self) -> String {
        match self {
            Self::Sha256(value) => hex::encode(value),
            Self::Sha512(value) => hex::encode(value),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.algorithm())?;
        formatter.write_str(":")?;
        formatter.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDigest { text: text.chars().take(160).collect() };
        let (algorithm, value) = text.split_once(':').ok_or_else(invalid)?;
        if value.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid());
        }
        let (mut short, mut long) = ([0; 32], [0; 64]);
        match algorithm {
            "sha256" if hex::decode_to_slice(value, &mut short).is_ok() => Ok(Self::Sha256(short)),
            "sha512" if hex::decode_to_slice(value, &mut long).is_ok() => Ok(Self::Sha512(long)),
            _ => Err(invalid()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A hash that runs while content passes; cloned where reading may have to begin again.
#[derive(Clone)]
pub enum Hasher {
    /// sha256 so far.
    Sha256(sha2::Sha256),
    /// sha512 so far.
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the digest of all that was taken in.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => Digest::Sha512(hasher.finalize().into()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_specification_allows() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert_eq!(empty.parse::<Digest>().unwrap(), Digest::of(b""));
        let long = format!("sha512:{}", "ab".repeat(64));
        assert_eq!(long.parse::<Digest>().unwrap().to_string(), long);
        for bad in [
            "",
            "sha256",
            "sha256:",
            &empty[..70],
            &format!("{empty}0"),
            &empty.to_uppercase(),
            &empty.replace('e', "E"),
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &format!(" {empty}"),
            &empty.replace("sha256", "sha512"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn matches_only_its_content() {
        assert!(Digest::of(b"a").matches(b"a"));
        assert!(!Digest::of(b"a").matches(b"b"));
    }
}
