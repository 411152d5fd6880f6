// Resizes planes of bytes with windows of coefficients: first down, into planes that have their final height, then across. It is the
// same integer arithmetic as plugins/internal/resample's, so the results are the same bits. make_ptx.py makes resize.ptx of it.

typedef unsigned char u8;

// One plane of one picture, as filter.job writes it.
struct Job {
  long long source;        // where its rows begin in pixels, without gaps
  long long width;         // of the source
  long long across, down;  // how many samples are made
  long long first_across, start_across, coefs_across;  // where the windows begin in tables and coefs
  long long first_down, start_down, coefs_down;
  long long between;                     // where the plane of width x down samples lies in between
  long long target;                      // where the result begins, in elements
  long long step_across, step_down;      // from one sample of the result to the next, in elements
  long long channel;                     // whose scale and offset apply; -1: the result is bytes
  long long reserved;
};

#define BITS 14

__device__ static u8 clamp(int sum) {
  int v = sum >> BITS;
  return (u8)(v < 0 ? 0 : v > 255 ? 255 : v);
}

extern "C" __global__ void resize_down(const u8 *pixels, const int *tables, const short *coefs, const Job *jobs, u8 *between) {
  const Job j = jobs[blockIdx.y];
  const unsigned width = (unsigned)j.width, n = width * (unsigned)j.down;
  for (unsigned t = blockIdx.x * blockDim.x + threadIdx.x; t < n; t += gridDim.x * blockDim.x) {
    const unsigned y = t / width, x = t - y * width;
    const int begin = tables[j.start_down + y], end = tables[j.start_down + y + 1];
    const u8 *from = pixels + j.source + (long long)tables[j.first_down + y] * width + x;
    const short *c = coefs + j.coefs_down;
    int sum = 1 << (BITS - 1);
    for (int k = begin; k < end; k++, from += width) sum += (int)c[k] * (int)*from;
    between[j.between + t] = clamp(sum);
  }
}

extern "C" __global__ void resize_across(const u8 *between, const int *tables, const short *coefs, const Job *jobs, u8 *bytes,
                                         float *floats, const float *scale) {
  const Job j = jobs[blockIdx.y];
  const unsigned across = (unsigned)j.across, n = across * (unsigned)j.down;
  for (unsigned t = blockIdx.x * blockDim.x + threadIdx.x; t < n; t += gridDim.x * blockDim.x) {
    const unsigned y = t / across, x = t - y * across;
    const int begin = tables[j.start_across + x], end = tables[j.start_across + x + 1];
    const u8 *from = between + j.between + (long long)y * j.width + tables[j.first_across + x];
    const short *c = coefs + j.coefs_across;
    int sum = 1 << (BITS - 1);
    for (int k = begin; k < end; k++, from++) sum += (int)c[k] * (int)*from;
    const u8 v = clamp(sum);
    const long long at = j.target + x * j.step_across + y * j.step_down;
    if (j.channel < 0) {
      bytes[at] = v;
    } else {
      // Rounded after each step, as Go does it: no fused multiply-add.
      floats[at] = __fadd_rn(__fmul_rn((float)v, scale[2 * j.channel]), scale[2 * j.channel + 1]);
    }
  }
}
