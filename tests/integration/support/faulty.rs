//! Upstreams that misbehave, one file for each fault.

mod accepts_then_resets;
mod closes_idle_connection_on_use;
mod data_with_101;
mod endless_response;
mod half_closes;
mod never_accepts;
mod no_response;
mod rejects_upgrade;
mod slow_response;
mod truncated_response;
mod unexpected_101;
mod wrong_content_length;

pub use accepts_then_resets::accepts_then_resets;
pub use closes_idle_connection_on_use::closes_idle_connection_on_use;
pub use data_with_101::data_with_101;
pub use endless_response::endless_response;
pub use half_closes::half_closes_after;
pub use never_accepts::NeverAccepts;
pub use no_response::no_response;
pub use rejects_upgrade::rejects_upgrade;
pub use slow_response::slow_response;
pub use truncated_response::{truncated_body, truncated_chunked_body, truncated_head};
pub use unexpected_101::unexpected_101;
pub use wrong_content_length::{body_exceeds_length, two_content_lengths};
