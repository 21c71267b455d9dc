// SPDX-License-Identifier: Apache-2.0
// Tiny recordings of CARLA and Donkey Car, whole and broken in every way.
#include "data/labels.h"
#include "data/recording_test.h"

namespace slimpilot {
namespace {

constexpr const char* kCarlaHeader = "image_id,throttle,steer,brake,velocity,timestamp\n";

TEST_F(RecordingFolder, Carla) {
  for (const char* name : {"10.png", "2.png", "b.jpg"}) image(name);
  text("dataset.csv", std::string(kCarlaHeader) +
                          "10.png,0.7,-0.25,0.0,12.5,0.1\r\n2,0.5,1e-3,1,0,0.2\n\"/recorder/set/b.jpg\",0,0,0,0,not used\n");
  const Recording recording = read_recording(folder_);
  EXPECT_EQ(recording.format, "carla");
  EXPECT_EQ(recording.columns, (Texts{"throttle", "steer", "brake", "velocity"}));
  const std::vector<Frame> expected = {{folder_ / "10.png", {.7f, -.25f, 0, 12.5f}, 2},
                                       {folder_ / "2.png", {.5f, 1e-3f, 1, 0}, 3},
                                       {folder_ / "b.jpg", {0, 0, 0, 0}, 4}};
  EXPECT_EQ(recording.frames, expected);
  const auto columns = default_columns(recording, usual_output_count(recording));
  EXPECT_EQ(scaled_labels(recording, recording.frames[0], columns), (std::vector<float>{.7f, .375f, 0}));
  EXPECT_THROW(default_columns(recording, 2), Error);
}

TEST_F(RecordingFolder, CarlaWithoutVelocityInAnotherOrder) {
  image("0.png");
  text("dataset.csv", "brake,steer,throttle,image_id\n1,2,3,0.png\n");
  const Recording recording = read_recording(folder_);
  EXPECT_EQ(recording.columns, (Texts{"throttle", "steer", "brake"}));
  EXPECT_EQ(recording.frames.at(0).labels, (std::vector<float>{3, 2, 1}));
}

TEST_F(RecordingFolder, CarlaBadRows) {
  image("0.png");
  text("dataset.csv", std::string(kCarlaHeader) +
                          "0.png,0,0,0,0,0\n1.png,0,0,0,0,0\n0.png,0,x,0,0,0\n0.png,0,0,0,inf,0\n0.png,0\n..,0,0,0,0,0\n"
                          "../../0.png,0,0,0,0,0\n,0,0,0,0,0\n");
  EXPECT_EQ(error(),
            std::string("/dataset.csv: 6 problem(s) beside 2 good rows: row 3: 1.png: is missing; row 4: steer is not a "
                        "finite number: 'x'; row 5: velocity is not a finite number: 'inf'; row 6: has 2 columns "
                        "instead of 6; row 7: names no image; row 9: names no image") +
                kTail);
  EXPECT_EQ(read_recording(folder_, {.skip_bad_frames = true}).frames.at(1).image, folder_ / "0.png");
}

TEST_F(RecordingFolder, CarlaNeedsItsHeader) {
  text("dataset.csv", "image_id,throttle,steering,brake\n");
  EXPECT_EQ(error(),
            "/dataset.csv: its first line has no column 'steer'; it must be "
            "image_id,throttle,steer,brake,velocity,timestamp");
  text("dataset.csv", "");
  EXPECT_EQ(error(), "/dataset.csv: is empty; it must begin with image_id,throttle,steer,brake,velocity,timestamp");
  text("dataset.csv", kCarlaHeader);
  EXPECT_EQ(error(), "/dataset.csv: not one frame can be used: it has no rows");
}

std::string manifest(const std::string& last) {
  return "[\"cam/image_array\", \"user/angle\", \"user/throttle\", \"user/mode\"]\n[\"image_array\", \"float\", \"float\", "
         "\"str\"]\n"
         "{}\n{\"created_at\": 1600000000.5}\n" +
         last + "\n";
}

std::string record(int index, const std::string& angle, const std::string& throttle) {
  const std::string number = std::to_string(index);
  return "{\"_index\": " + number + ", \"_timestamp_ms\": 16, \"cam/image_array\": \"" + number +
         "_cam_image_array_.jpg\", \"user/angle\": " + angle + ", \"user/mode\": \"user\", \"user/throttle\": " + throttle +
         "}\n";
}

class Tub : public RecordingFolder {
 protected:
  void SetUp() override {
    RecordingFolder::SetUp();
    for (int i = 0; i < 5; ++i) image("images/" + std::to_string(i) + "_cam_image_array_.jpg");
    text("manifest.json", manifest(R"({"paths": ["catalog_0.catalog", "catalog_1.catalog"], "current_index": 5, "max_len": 3, )"
                                   R"("deleted_indexes": [1, 4]})"));
    text("catalog_0.catalog", record(0, "-0.5", "0.25") + record(1, "0", "0") + record(2, "1", "0.5"));
    text("catalog_1.catalog", record(3, "0", "-1e-1") + record(4, "0", "0"));
  }
};

TEST_F(Tub, IsReadInTheOrderOfItsCatalogs) {
  const Recording recording = read_recording(folder_);
  EXPECT_EQ(recording.format, "donkey");
  EXPECT_EQ(recording.columns, (Texts{"angle", "throttle"}));
  const std::vector<Frame> expected = {{folder_ / "images/0_cam_image_array_.jpg", {-.5f, .25f}, 1},
                                       {folder_ / "images/2_cam_image_array_.jpg", {1, .5f}, 3},
                                       {folder_ / "images/3_cam_image_array_.jpg", {0, -.1f}, 4}};
  EXPECT_EQ(recording.frames, expected);
  EXPECT_EQ(default_columns(recording, usual_output_count(recording)), (std::vector<LabelColumn>{{"angle"}, {"throttle"}}));
  EXPECT_EQ(default_columns(recording, 1), (std::vector<LabelColumn>{{"angle"}}));
}

TEST_F(Tub, BadRecords) {
  text("catalog_1.catalog",
       record(3, "0", "NaN") + "[]\n\n" + record(0, "true", "0") + record(0, "0", "1e39") +
           R"({"cam/image_array": 3, "user/angle": 0, "user/throttle": 0})" + "\r\n" +
           R"({"cam/image_array": "..", "user/angle": 0, "user/throttle": 0})" + "\n" + record(9, "0", "0") +
           R"({"cam/image_array": "a\u0000b", "user/angle": 0, "user/throttle": 0})" + "\n" + R"({"cam/image_array": "0_cam)");
  const std::string message = error();
  for (const char* part : {"/manifest.json: 8 problem(s) beside 2 good rows", "row 4: is no JSON object: '{\"_index\": 3",
                           "row 6: has no finite numbers", "row 7: has no finite numbers user/angle and user/throttle",
                           "row 8: has no text cam/image_array", "row 9: names no image",
                           "row 10: 9_cam_image_array_.jpg: is missing", "row 11: names no image", "row 12: is no JSON"})
    EXPECT_NE(message.find(part), std::string::npos) << part << " is not in " << message;
  EXPECT_EQ(read_recording(folder_, {.skip_bad_frames = true}).frames.size(), 2u);
}

TEST_F(Tub, BrokenManifests) {
  const std::string again = "; copy the tub again", fifth = "/manifest.json: its fifth line is no object with \"paths\" and ";
  for (const char* last : {"", "[]", "{}", "{\"paths\": [\"a.catalog\"]}", "{\"paths\": [3], \"deleted_indexes\": []}",
                           "{\"paths\":", "{\"paths\": 5, \"deleted_indexes\": 7}x"}) {
    text("manifest.json", manifest(last) + "more");
    EXPECT_EQ(error(), fifth + "\"deleted_indexes\"" + again) << last;
  }
  text("manifest.json", manifest(R"({"paths": ["../catalog_0.catalog"], "deleted_indexes": []})"));
  EXPECT_EQ(error(), "/manifest.json: names '../catalog_0.catalog' as a catalog" + again);
  text("manifest.json", manifest(R"({"paths": ["manifest.json"], "deleted_indexes": []})"));
  EXPECT_EQ(error(), "/manifest.json: names 'manifest.json' as a catalog" + again);
  text("manifest.json", manifest(R"({"paths": [], "deleted_indexes": [-1]})"));
  EXPECT_EQ(error(), "/manifest.json: names a deleted record that is no number" + again);
  text("manifest.json", manifest(R"({"paths": [], "deleted_indexes": []})"));
  EXPECT_EQ(error(), "/manifest.json: not one frame can be used: it has no rows");
  text("manifest.json", manifest(R"({"paths": ["none.catalog"], "deleted_indexes": []})"));
  EXPECT_TRUE(error().starts_with("/none.catalog: ")) << error();
  text("manifest.json", "[]\n[]\n{}\n{}\n");
  EXPECT_TRUE(error().starts_with("/manifest.json: has 4 lines instead of 5")) << error();
}

/// Brackets by the hundred thousand end neither the parser nor the stack.
TEST_F(Tub, DeepJson) {
  text("catalog_0.catalog", std::string(200'000, '[') + "\n");
  EXPECT_NE(error().find("row 1: is no JSON object: '[[["), std::string::npos);
  text("catalog_0.catalog", std::string(200'000, '[') + std::string(200'000, ']') + "\n");
  EXPECT_NE(error().find("row 1: is no JSON object: '[[["), std::string::npos);
}

}  // namespace
}  // namespace slimpilot
