// A CUDA driver for tests on machines without one: one device whose memory is the process's, and whose kernels are those of plugins/cudaresize,
// compiled for this processor. Everything is through when a call returns, so it shows nothing of what runs beside what; it
// shows that calls reach a libcuda.so.1 that is found when the program runs, that every argument arrives, that memory is not used
// outside of where it was allocated, and that no copy crosses the end of what is pinned.
//
// TEST_DRIVER_MEMORY is how many bytes the device has (default 1 GiB); TEST_DRIVER_LOST after how many launches it is lost.
#include <cuda.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <map>
#include <mutex>

struct Index {
  unsigned x, y, z;
};
static thread_local Index blockIdx, threadIdx, blockDim, gridDim;
#define __global__
#define __device__
static float __fmul_rn(float a, float b) { return a * b; }
static float __fadd_rn(float a, float b) { return a + b; }
#include "resize.cu"

static std::mutex mutex;
static bool ready;
static size_t used;
static long launches;
static std::map<uintptr_t, size_t> device, pinned;  // where allocations begin, and their size

static long variable(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

static size_t total() { return (size_t)variable("TEST_DRIVER_MEMORY", 1L << 30); }

static CUresult state() {
  if (!ready) return CUDA_ERROR_NOT_INITIALIZED;
  const long lost = variable("TEST_DRIVER_LOST", 0);
  return lost > 0 && launches > lost ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS;
}

// inside says whether a stretch lies in one of the map's.
static bool inside(const std::map<uintptr_t, size_t> &m, uintptr_t at, size_t n) {
  auto next = m.upper_bound(at);
  if (next == m.begin()) return false;
  --next;
  return at + n <= next->first + next->second;
}

static bool touches(const std::map<uintptr_t, size_t> &m, uintptr_t at, size_t n) {
  for (auto &s : m)
    if (at < s.first + s.second && s.first < at + n) return true;
  return false;
}

static CUresult copy(void *to, const void *from, uintptr_t on_device, uintptr_t on_host, size_t n) {
  std::lock_guard<std::mutex> lock(mutex);
  if (CUresult r = state()) return r;
  if (!inside(device, on_device, n)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  if (touches(pinned, on_host, n) && !inside(pinned, on_host, n)) return CUDA_ERROR_INVALID_VALUE;
  memcpy(to, from, n);
  return CUDA_SUCCESS;
}

extern "C" {

CUresult cuInit(unsigned flags) {
  ready = true;
  return flags == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDriverGetVersion(int *version) {
  *version = 12090;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult, const char **text) {
  *text = "CUDA_ERROR";
  return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult, const char **text) {
  *text = "an error of the test's driver";
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
  *count = 1;
  return state();
}

CUresult cuDeviceGet(CUdevice *dev, int ordinal) {
  *dev = ordinal;
  return ordinal == 0 ? state() : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice) {
  strncpy(name, "Device of a test", size);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice) {
  for (int i = 0; i < 16; i++) uuid->bytes[i] = i;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 9 : 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice) {
  *bytes = total();
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  *context = (CUcontext)&ready;
  return state();
}

CUresult cuCtxSetCurrent(CUcontext context) { return context == (CUcontext)&ready ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT; }

CUresult cuCtxSynchronize(void) { return state(); }

CUresult cuMemGetInfo(size_t *free, size_t *all) {
  *all = total();
  *free = *all - used;
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr *at, size_t n) {
  std::lock_guard<std::mutex> lock(mutex);
  if (CUresult r = state()) return r;
  if (n == 0) return CUDA_ERROR_INVALID_VALUE;
  if (used + n > total()) return CUDA_ERROR_OUT_OF_MEMORY;
  void *memory = aligned_alloc(512, (n + 511) / 512 * 512);
  memset(memory, 0xab, n);
  used += n;
  device[(uintptr_t)memory] = n;
  *at = (CUdeviceptr)memory;
  return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr at) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = device.find((uintptr_t)at);
  if (found == device.end()) return CUDA_ERROR_INVALID_VALUE;
  used -= found->second;
  device.erase(found);
  free((void *)at);
  return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void **at, size_t n, unsigned) {
  *at = malloc(n);
  return CUDA_SUCCESS;
}

CUresult cuMemHostRegister(void *at, size_t n, unsigned) {
  std::lock_guard<std::mutex> lock(mutex);
  if ((uintptr_t)at % 4096 || n % 4096 || n == 0) return CUDA_ERROR_INVALID_VALUE;
  if (touches(pinned, (uintptr_t)at, n)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  pinned[(uintptr_t)at] = n;
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void *at) {
  std::lock_guard<std::mutex> lock(mutex);
  return pinned.erase((uintptr_t)at) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, CUstream) {
  return copy((void *)to, from, (uintptr_t)to, (uintptr_t)from, n);
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, CUstream) {
  return copy(to, (const void *)from, (uintptr_t)from, (uintptr_t)to, n);
}

CUresult cuStreamCreate(CUstream *stream, unsigned) {
  *stream = (CUstream)malloc(1);
  return state();
}

CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned) { return state(); }

CUresult cuEventCreate(CUevent *event, unsigned) {
  *event = (CUevent)malloc(1);
  return state();
}

CUresult cuEventDestroy(CUevent event) {
  free(event);
  return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent, CUstream) { return state(); }

CUresult cuEventSynchronize(CUevent) { return state(); }

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  *module = (CUmodule)image;
  return strstr((const char *)image, ".version") ? state() : CUDA_ERROR_INVALID_PTX;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
  if (!strcmp(name, "resize_down")) {
    *function = (CUfunction)resize_down;
  } else if (!strcmp(name, "resize_across")) {
    *function = (CUfunction)resize_across;
  } else {
    return CUDA_ERROR_NOT_FOUND;
  }
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned, CUstream,
                        void **args, void **) {
  launches++;
  if (CUresult r = state()) return r;
  if (gx == 0 || gy == 0 || gz != 1 || bx == 0 || by != 1 || bz != 1) return CUDA_ERROR_INVALID_VALUE;
  const int pointers = function == (CUfunction)resize_down ? 5 : 7;
  for (int i = 0; i < pointers; i++)
    if (!inside(device, *(uintptr_t *)args[i], 1)) return CUDA_ERROR_ILLEGAL_ADDRESS;
#define ARG(type, i) (*(type *)args[i])
  gridDim = {gx, gy, gz};
  blockDim = {bx, by, bz};
  for (blockIdx.y = 0; blockIdx.y < gy; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < gx; blockIdx.x++)
      for (threadIdx.x = 0; threadIdx.x < bx; threadIdx.x++) {
        if (function == (CUfunction)resize_down)
          resize_down(ARG(const u8 *, 0), ARG(const int *, 1), ARG(const short *, 2), ARG(const Job *, 3), ARG(u8 *, 4));
        else
          resize_across(ARG(const u8 *, 0), ARG(const int *, 1), ARG(const short *, 2), ARG(const Job *, 3), ARG(u8 *, 4), ARG(float *, 5),
                        ARG(const float *, 6));
      }
  return CUDA_SUCCESS;
}
}
