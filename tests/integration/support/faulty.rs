//! Applications that misbehave, one file per fault.

mod accepts_then_resets;
mod answers_101_unasked;
mod closes_pooled_connection_on_use;
mod half_closes;
mod lies_about_length;
mod never_accepts;
mod never_answers;
mod never_ends;
mod refuses_upgrade;
mod sends_bytes_with_the_101;
mod stops_mid_body;
mod trickles;

pub use accepts_then_resets::accepts_then_resets;
pub use answers_101_unasked::answers_101_unasked;
pub use closes_pooled_connection_on_use::closes_pooled_connection_on_use;
pub use half_closes::half_closes_after;
pub use lies_about_length::{says_more_than_its_length, states_two_lengths};
pub use never_accepts::NeverAccepts;
pub use never_answers::never_answers;
pub use never_ends::never_ends;
pub use refuses_upgrade::refuses_upgrade;
pub use sends_bytes_with_the_101::sends_bytes_with_the_101;
pub use stops_mid_body::{stops_between_chunks, stops_mid_body, stops_mid_head};
pub use trickles::trickles;
