//! The Bybit V5 client.
