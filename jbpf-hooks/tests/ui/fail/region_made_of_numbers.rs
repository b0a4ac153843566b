use jbpf_hooks::Region;

fn main() {
    let _ = Region::<[u8]> {
        data: 0x1234,
        data_end: 0x5678,
        meta_data: 0,
        target: std::marker::PhantomData,
    };
}
