//! Large networks of OSPF engines in virtual time. One of three hundred routers is played by `cargo lab soak`.

use integration::sim::{Failure, large};

#[test]
fn sixty_routers_in_a_mesh_agree_lose_some_and_agree_again() -> Result<(), Failure> {
    let told = large::mesh(60, 1)?;
    println!("{told}");
    assert_eq!(told.links, 120);
    Ok(())
}

#[test]
fn eighty_routers_on_lans_agree_lose_some_and_agree_again() -> Result<(), Failure> {
    let told = large::campus(80, 2)?;
    println!("{told}");
    assert_eq!(told.links, 4 + 8);
    Ok(())
}
