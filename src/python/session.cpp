// SPDX-License-Identifier: Apache-2.0
// The Python module: a model file that makes commands of camera frames, or outputs of tensors. The numbers are those of the
// engine's session, bit for bit; what Python sees is documented in slimpilot/__init__.pyi. The GIL is held to look at arguments
// and to make results, not while anything is read, planned or computed.
#include "engine/session.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "engine/choose_ways.h"
#include "engine/frame_input.h"
#include "formats/formats.h"
#include "graph/input_images.h"
#include "host/image_file.h"
#include "optimize/passes.h"

namespace py = pybind11;

namespace slimpilot {
namespace {

using Frame = py::array_t<uint8_t, py::array::c_style>;
// Results are made of shapes: then pybind11 2.10 does not ask dtype objects for their size, which NumPy 2 keeps elsewhere.
using ResultShape = std::vector<py::ssize_t>;

/// An input of the network as Python sees it.
struct Tensor {
  std::string name;
  py::tuple shape;
  py::dtype dtype;
  float scale = 1;  // real = scale · (integer − zero_point)
  int zero_point = 0;
};

py::dtype dtype_of(ElementType type) {
  switch (type) {
    case ElementType::f32: return py::dtype::of<float>();
    case ElementType::f16: return py::dtype("float16");
    case ElementType::s8: return py::dtype::of<int8_t>();
    case ElementType::u8: return py::dtype::of<uint8_t>();
    case ElementType::s16: return py::dtype::of<int16_t>();
    case ElementType::s32: return py::dtype::of<int32_t>();
    case ElementType::s64: return py::dtype::of<int64_t>();
  }
  __builtin_unreachable();
}

py::tuple shape_of(const TensorView& view) { return py::tuple(py::cast(view.shape)); }

std::string text_of(const py::handle& object) { return py::str(object); }

/// "float64 of shape (480, 640)"
std::string kind_of(const py::array& array) { return text_of(array.dtype()) + " of shape " + text_of(array.attr("shape")); }

Frame checked_frame(const py::array& frame) {
  if (!py::isinstance<py::array_t<uint8_t>>(frame) || frame.ndim() != 3 || frame.shape(2) != 3)
    throw py::value_error("a frame is uint8 of shape (height, width, 3), red first; this is " + kind_of(frame));
  if (frame.shape(0) > kMaxImageSide || frame.shape(1) > kMaxImageSide)
    throw py::value_error("a frame has at most " + std::to_string(kMaxImageSide) + " rows and columns; this is " +
                          kind_of(frame));
  return Frame::ensure(frame);  // itself, or a copy whose pixels lie one behind the other
}

/// Real numbers where the session can make the input's integers of them, or the input's own type.
py::array checked_tensor(const py::array& tensor, const TensorView& view) {
  const bool is_real = view.type == ElementType::f32;
  const bool is_quantized = view.type == ElementType::s8 || view.type == ElementType::s16;
  const bool same_shape = std::equal(view.shape.begin(), view.shape.end(), tensor.shape(), tensor.shape() + tensor.ndim());
  if (same_shape && (is_real || is_quantized) && py::isinstance<py::array_t<float>>(tensor))
    return py::array_t<float, py::array::c_style>::ensure(tensor);
  if (same_shape && tensor.dtype().equal(dtype_of(view.type))) return py::array::ensure(tensor, py::array::c_style);
  throw py::value_error("input '" + view.name + "' is " + (is_quantized ? "float32 or " : "") + text_of(dtype_of(view.type)) +
                        " of shape " + text_of(shape_of(view)) + "; this is " + kind_of(tensor));
}

PlanOptions plan_options(int threads, const std::string& arithmetic) {
  if (threads < 1 || threads > kMostThreads)
    throw py::value_error("threads must be 1 to " + std::to_string(kMostThreads) + ", not " + std::to_string(threads));
  for (const Arithmetic a : {Arithmetic::exact, Arithmetic::reduced})
    if (arithmetic == arithmetic_name(a)) return {.arithmetic = a, .threads = {.count = threads}};
  throw py::value_error("arithmetic '" + arithmetic + "' is none of exact or reduced");
}

class PythonSession {
 public:
  PythonSession(Graph graph, const PlanOptions& options)
      : graph_(std::move(graph)), plan_(graph_, options), session_(plan_), outputs_(graph_.meaning) {
    session_.read_outputs(results_);
    for (size_t o = outputs_.size(); o < results_.size(); ++o) outputs_.push_back({"output " + std::to_string(o), ""});
  }
  PythonSession(const PythonSession&) = delete;  // the session points to the plan

  const std::vector<OutputMeaning>& outputs() const { return outputs_; }
  bool stateful() const { return !plan_.states().empty() || sees_earlier_frames(graph_); }
  std::string isa() const { return std::string(isa_name(plan_.isa())); }
  std::vector<Tensor> inputs() const {
    std::vector<Tensor> result;
    for (const TensorView& view : plan_.inputs()) {
      result.push_back({view.name, shape_of(view), dtype_of(view.type)});
      const Quantization& q = view.quantization;
      if (!q.scale.empty()) result.back().scale = q.scale[0], result.back().zero_point = q.zero_point[0];
    }
    return result;
  }

  void reset_state() {
    const Turn turn(*this);
    session_.reset_state();
    if (camera_) camera_->forget();
  }

  void choose_kernels(const py::array& array) {
    const Turn turn(*this);
    const Frame frame = checked_frame(array);
    prepare_for(frame);
    std::optional<Plan> fastest;
    {
      const py::gil_scoped_release others_run;
      std::vector<std::vector<std::byte>> inputs(1, std::vector<std::byte>(session_.input().size()));
      camera_->prepare({frame.data(), static_cast<size_t>(frame.size())}, inputs[0]);
      camera_->forget();
      PlanOptions options = plan_.options();
      options.ways = best_ways(measure_ways(graph_, plan_, inputs));
      fastest.emplace(graph_, options);
    }
    plan_ = std::move(*fastest);  // with the GIL: `inputs` and others may be asked meanwhile
    session_ = Session(plan_);
  }

  py::array_t<double> run(const py::array& array) {
    const Turn turn(*this);
    const Frame frame = checked_frame(array);
    prepare_for(frame);
    {
      const py::gil_scoped_release others_run;
      compute({frame.data(), static_cast<size_t>(frame.size())});
    }
    py::array_t<double> result(ResultShape{static_cast<py::ssize_t>(results_.size())});
    double* values = result.mutable_data();
    for (size_t o = 0; o < results_.size(); ++o) values[o] = outputs_[o].in_units(results_[o]);
    return result;
  }

  py::array_t<double> measure(const py::array& array, int runs) {
    if (runs < 1 || runs > 10'000'000) throw py::value_error("runs must be 1 to 10000000, not " + std::to_string(runs));
    const Turn turn(*this);
    const Frame frame = checked_frame(array);
    prepare_for(frame);
    py::array_t<double> result(ResultShape{runs});
    double* seconds = result.mutable_data();
    const py::gil_scoped_release others_run;
    for (int i = 0; i < runs; ++i) {
      const auto start = std::chrono::steady_clock::now();
      compute({frame.data(), static_cast<size_t>(frame.size())});
      seconds[i] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return result;
  }

  std::vector<py::array_t<float>> run_tensors(const py::args& tensors) {
    const Turn turn(*this);
    if (tensors.size() != plan_.inputs().size())
      throw py::value_error("the network has " + std::to_string(plan_.inputs().size()) + " inputs; " +
                            std::to_string(tensors.size()) + " were given");
    std::vector<py::array> arrays;
    for (size_t i = 0; i < tensors.size(); ++i)
      arrays.push_back(checked_tensor(py::cast<py::array>(tensors[i]), plan_.inputs()[i]));
    for (size_t i = 0; i < arrays.size(); ++i) write(arrays[i], i);
    {
      const py::gil_scoped_release others_run;
      session_.run();
    }
    std::vector<py::array_t<float>> outputs;
    for (const TensorView& view : plan_.outputs()) {
      results_.clear();
      session_.read(view, results_);
      outputs.emplace_back(ResultShape(view.shape.begin(), view.shape.end()), results_.data());
    }
    return outputs;
  }

 private:
  /// Nobody else's; taken and given back with the GIL held.
  class Turn {
   public:
    explicit Turn(PythonSession& session) : busy_(session.busy_) {
      if (busy_) throw std::runtime_error("this session is running in another thread; give each thread a session of its own");
      busy_ = true;
    }
    ~Turn() { busy_ = false; }
    Turn(const Turn&) = delete;

   private:
    bool& busy_;
  };

  void prepare_for(const Frame& frame) {
    if (plan_.inputs().size() != 1)
      throw Error("the network has " + std::to_string(plan_.inputs().size()) +
                  " inputs, and a frame makes one; give all of them to run_tensors");
    const ImageSize size{.height = static_cast<int>(frame.shape(0)), .width = static_cast<int>(frame.shape(1))};
    if (camera_ && size == size_) return;
    camera_.emplace(graph_.preprocessing, plan_.inputs()[0], size.height, size.width, plan_.isa());
    size_ = size;
  }

  void compute(std::span<const uint8_t> pixels) {
    camera_->prepare(pixels, session_.input());
    session_.run();
    session_.read_outputs(results_);
  }

  void write(const py::array& array, size_t i) {
    if (py::isinstance<py::array_t<float>>(array))
      session_.write_input({static_cast<const float*>(array.data()), static_cast<size_t>(array.size())}, i);
    else
      std::memcpy(session_.input(i).data(), array.data(), session_.input(i).size());
  }

  Graph graph_;
  Plan plan_;
  Session session_;
  std::vector<OutputMeaning> outputs_;
  std::vector<float> results_;
  ImageSize size_;  // of the frames that camera_ is for
  std::optional<FrameInput> camera_;
  bool busy_ = false;
};

std::unique_ptr<PythonSession> open_session(const std::filesystem::path& path, int threads, const std::string& arithmetic) {
  const PlanOptions options = plan_options(threads, arithmetic);
  std::vector<std::string> notes;
  std::unique_ptr<PythonSession> session;
  {
    const py::gil_scoped_release others_run;
    static std::mutex one_reader;  // Keras files are read in a child process, one at a time
    const std::lock_guard lock(one_reader);
    const ReadOptions read{.lambdas = {},
                           .note = [&](const std::string& note) { notes.push_back(path.string() + " " + note); }};
    session = std::make_unique<PythonSession>(simplify(read_model(path, read)), options);
  }
  for (const std::string& note : notes)
    if (PyErr_WarnEx(PyExc_UserWarning, note.c_str(), 1) != 0) throw py::error_already_set();
  return session;
}

}  // namespace

PYBIND11_MODULE(_slimpilot, module) {
  py::register_exception<Error>(module, "Error", PyExc_ValueError);
  py::class_<Tensor>(module, "Tensor")
      .def_readonly("name", &Tensor::name)
      .def_readonly("shape", &Tensor::shape)
      .def_readonly("dtype", &Tensor::dtype)
      .def_readonly("scale", &Tensor::scale)
      .def_readonly("zero_point", &Tensor::zero_point);
  py::class_<OutputMeaning>(module, "Output")
      .def_readonly("name", &OutputMeaning::name)
      .def_readonly("unit", &OutputMeaning::unit)
      .def_readonly("minimum", &OutputMeaning::min)
      .def_readonly("maximum", &OutputMeaning::max);
  py::class_<PythonSession>(module, "Session")
      .def(py::init(&open_session), py::arg("path"), py::kw_only(), py::arg("threads") = 1, py::arg("arithmetic") = "exact")
      .def_property_readonly("inputs", &PythonSession::inputs)
      .def_property_readonly("outputs", &PythonSession::outputs)
      .def_property_readonly("stateful", &PythonSession::stateful)
      .def_property_readonly("isa", &PythonSession::isa)
      .def("run", &PythonSession::run, py::arg("frame"))
      .def("run_tensors", &PythonSession::run_tensors)
      .def("measure", &PythonSession::measure, py::arg("frame"), py::arg("runs") = 1000)
      .def("choose_kernels", &PythonSession::choose_kernels, py::arg("frame"))
      .def("reset_state", &PythonSession::reset_state);
}

}  // namespace slimpilot
