use jbpf_hooks::Region;

fn main() {
    let region = {
        let bytes = [1_u8, 2];
        Region::new(&bytes[..])
    };
    let _ = region.get();
}
