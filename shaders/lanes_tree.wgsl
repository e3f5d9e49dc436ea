// Sums and maxima over the LANES (more than 1) of each row, in one order. In uniform control flow only. After lanes.wgsl.
var<workgroup> parts: array<S, GROUP>;
fn row_sum(v: S, l: u32) -> S {
    workgroupBarrier();
    parts[l] = v;
    workgroupBarrier();
    for (var h = LANES / 4u; h > 0u; h >>= 2u) {
        if (lane < h) {
            parts[l] = (parts[l] + parts[l + h * STEP]) + (parts[l + 2u * h * STEP] + parts[l + 3u * h * STEP]);
        }
        workgroupBarrier();
    }
    return parts[l - lane * STEP];
}
fn row_max(v: S, l: u32) -> S {
    workgroupBarrier();
    parts[l] = v;
    workgroupBarrier();
    for (var h = LANES / 4u; h > 0u; h >>= 2u) {
        if (lane < h) {
            parts[l] = s_max(
                s_max(parts[l], parts[l + h * STEP]),
                s_max(parts[l + 2u * h * STEP], parts[l + 3u * h * STEP])
            );
        }
        workgroupBarrier();
    }
    return parts[l - lane * STEP];
}
