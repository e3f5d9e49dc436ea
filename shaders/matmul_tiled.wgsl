// Products by tiles (after matmul.wgsl): 64 x 64 of C a group of 256, 4 x 4 an invocation, k in steps of 16 through shared memory
// (8.5 KiB). Any strides: A_ALONG_K and B_ALONG_K say along which dim neighbours in the group read neighbours in memory. Past the
// end of k tiles hold zeros; rows and columns past the end repeat the last one and are not stored, so control flow is uniform.
var<workgroup> tile_a: array<Four, 272>;   // [k][17], a column of four rows each
var<workgroup> tile_b: array<Four, 272>;   // [k][17], a row of four columns each
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) l: u32) {
    let p = part(w.z);
    let low = l & 15u;
    let high = l >> 4u;
    let ka = select(high, low, A_ALONG_K == 1u);
    let ia = select(low, high, A_ALONG_K == 1u);
    let kb = select(high, low, B_ALONG_K == 1u);
    let ib = select(low, high, B_ALONG_K == 1u);
    let last = rg_word(M) - 1u;
    let r = w.y * 64u + ia * 4u;
    let rows = vec4<u32>(min(r, last), min(r + 1u, last), min(r + 2u, last), min(r + 3u, last));
    let a = first(A, p) + rows * rg_word(A + ROW);
    let b = first(B, p) + columns(w.x * 64u + ib * 4u);
    var c0 = Four(); var c1 = Four(); var c2 = Four(); var c3 = Four();
    for (var k0 = p.k; k0 < p.end; k0 += 16u) {
        var va = Four();
        var vb = Four();
        if (k0 + ka < p.end) {
            let q = a + (k0 + ka) * rg_word(A + COLUMN);
            va = Four(load0(q.x), load0(q.y), load0(q.z), load0(q.w));
        }
        if (k0 + kb < p.end) {
            let q = b + along(k0 + kb);
            vb = Four(load1(q.x), load1(q.y), load1(q.z), load1(q.w));
        }
        tile_a[ka * 17u + ia] = va;
        tile_b[kb * 17u + ib] = vb;
        workgroupBarrier();
        for (var k = 0u; k < 16u; k++) {
            let x = tile_a[k * 17u + high];
            let y = tile_b[k * 17u + low];
            c0 += x.x * y; c1 += x.y * y; c2 += x.z * y; c3 += x.w * y;
        }
        workgroupBarrier();
    }
    let c = w.x * 64u + low * 4u;
    if (c < rg_word(N)) {
        let row = w.y * 64u + high * 4u;
        let to = spots(c);
        if (row <= last) { put(row, c, to, c0); }
        if (row + 1u <= last) { put(row + 1u, c, to, c1); }
        if (row + 2u <= last) { put(row + 2u, c, to, c2); }
        if (row + 3u <= last) { put(row + 3u, c, to, c3); }
    }
}
