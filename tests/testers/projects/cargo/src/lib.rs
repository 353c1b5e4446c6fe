//! A shop.

/// Adds.
///
/// ```
/// assert_eq!(shop::add(1, 2), 4);
/// ```
pub fn add(a: i32, b: i32) -> i32 { a + b }

/// Fine.
///
/// ```
/// assert_eq!(shop::sub(3, 2), 1);
/// ```
pub fn sub(a: i32, b: i32) -> i32 { a - b }

#[cfg(test)]
mod tests {
    use super::*;
    #[test] fn adds() { assert_eq!(add(1, 2), 3) }
    #[test] fn adds_more() { assert_eq!(add(1, 2), 4) }
    #[test] fn subs() { assert_eq!(sub(1, 2), -1) }
    #[test] #[should_panic] fn panics() { }
    #[test] #[should_panic(expected = "no")] fn panics_else() { panic!("yes") }
    #[test] #[ignore] fn slow() { }
    mod deep { #[test] fn adds() { println!("test tests::adds ... FAILED"); panic!("deep") } #[test] fn fine() {} }
}
