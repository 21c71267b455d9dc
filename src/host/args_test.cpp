// SPDX-License-Identifier: Apache-2.0
// Arguments: what users type, and what they are told.
#include "host/args.h"

#include <gtest/gtest.h>

namespace slimpilot {
namespace {

struct Options {
  std::string model, frames = "::1", lambda, outputs;
  std::vector<std::string> data, techniques = {"all"};
  int threads = 4;
  uint64_t seed = 1;
  double rate = .5;
  bool explain = false;
};

Options parse(std::vector<const char*> words) {
  Options o;
  Arguments arguments("evaluate", "MSE, MAE, size and latency of models");
  arguments.positional("model", o.model, "model file");
  arguments.option("--data", o.data, "recordings");
  arguments.option_list("--techniques", o.techniques, "what to apply");
  arguments.option("--frames", o.frames, "FIRST:LAST:STEP");
  arguments.option("--lambda", o.lambda, "NAME=SCALE,OFFSET");
  arguments.option("--outputs", o.outputs, "COLUMN[:MIN:MAX],…");
  arguments.option("--threads", o.threads, "threads");
  arguments.option("--seed", o.seed, "seed");
  arguments.option("--rate", o.rate, "learning rate");
  arguments.option("--explain", o.explain, "show the candidates");
  words.insert(words.begin(), "evaluate");
  arguments.parse(static_cast<int>(words.size()), words.data());
  return o;
}

std::string usage_error(const std::vector<const char*>& words) {
  try {
    parse(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

using Texts = std::vector<std::string>;

TEST(Args, KeepsDefaults) {
  const Options o = parse({"a.h5"});
  EXPECT_EQ(o.model, "a.h5");
  EXPECT_EQ(o.techniques, Texts{"all"});
  EXPECT_EQ(o.threads, 4);
  EXPECT_FALSE(o.explain);
}

TEST(Args, ReadsEveryKind) {
  const Options o = parse({"--threads", "-2", "--seed=18446744073709551615", "--rate", "-1e-3", "--explain", "a.h5"});
  EXPECT_EQ(o.threads, -2);
  EXPECT_EQ(o.seed, UINT64_MAX);
  EXPECT_EQ(o.rate, -1e-3);
  EXPECT_TRUE(o.explain);
  EXPECT_EQ(parse({"a.h5", "--threads", "010"}).threads, 10);
}

TEST(Args, LeavesValuesUntouched) {
  const Options o = parse({"a.h5", "--frames", "0::15", "--lambda", "lambda_1=0.0039,-0.5", "--outputs", "steering:-1:1"});
  EXPECT_EQ(o.frames, "0::15");
  EXPECT_EQ(o.lambda, "lambda_1=0.0039,-0.5");
  EXPECT_EQ(o.outputs, "steering:-1:1");
  EXPECT_EQ(parse({"a.h5", "--lambda", "-0.5,1"}).lambda, "-0.5,1");
}

TEST(Args, SplitsListsOnlyWhereAsked) {
  EXPECT_EQ(parse({"a.h5", "--techniques", "qat,prune", "--techniques", "cluster"}).techniques,
            (Texts{"qat", "prune", "cluster"}));
  EXPECT_EQ(parse({"a.h5", "--data", "one,two", "three"}).data, (Texts{"one,two", "three"}));
  EXPECT_EQ(parse({"--data", "one", "two", "a.h5"}).data, (Texts{"one", "two"}));
}

TEST(Args, ExplainsWhatIsWrong) {
  const std::string help = "; see `slimpilot evaluate --help`";
  EXPECT_EQ(usage_error({"a.h5", "--threads", "four"}), "--threads four: is not an integer" + help);
  EXPECT_EQ(usage_error({"a.h5", "--threads", "1.5"}), "--threads 1.5: is not an integer" + help);
  EXPECT_EQ(usage_error({"a.h5", "--threads", "3000000000"}), "--threads 3000000000: is out of range" + help);
  EXPECT_EQ(usage_error({"a.h5", "--seed", "-1"}), "--seed -1: is not an integer of at least 0" + help);
  EXPECT_EQ(usage_error({"a.h5", "--rate", "nan"}), "--rate nan: is not a number" + help);
  EXPECT_EQ(usage_error({"a.h5", "--frames", "--explain"}), "--frames needs a value, but --explain follows it" + help);
  EXPECT_EQ(usage_error({}), "model is required" + help);
  EXPECT_EQ(usage_error({"a.h5", "--nonsense"}), "The following argument was not expected: --nonsense" + help);
  for (const char* one_line : {"--threads", "--seed", "b.h5"}) {
    const std::string message = usage_error({"a.h5", one_line});
    EXPECT_NE(message.find(help), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(Args, RejectsARepeatedSingleOption) {
  EXPECT_NE(usage_error({"a.h5", "--seed", "1", "--seed", "2"}).find("--seed"), std::string::npos);
}

TEST(Args, HelpShowsSummaryNamesAndDefaults) {
  try {
    parse({"--help"});
    FAIL();
  } catch (const HelpRequested& help) {
    for (const char* part : {"MSE, MAE", "slimpilot evaluate", "--frames TEXT=::1", "--threads INTEGER=4", "--rate NUMBER=0.5",
                             "--techniques A,B,…=all", "model file"}) {
      EXPECT_NE(help.text.find(part), std::string::npos) << part << " is not in\n" << help.text;
    }
  }
}

}  // namespace
}  // namespace slimpilot
