// SPDX-License-Identifier: Apache-2.0
#include "function/catalog.h"

#include <gmock/gmock.h>

#include <random>

namespace millrace::function {
namespace {

using ::testing::HasSubstr;
using Kind = CatalogEvent::Kind;
using Functions = std::vector<FunctionSpec>;

FunctionSpec Spec(const std::string& name, const std::string& library, int lanes = 1) {
  FunctionSpec spec;
  spec.name = name;
  spec.library = library;
  spec.lanes = lanes;
  return spec;
}

Candidate Good(const std::string& hash, std::optional<FunctionSpec> suggested = {}) {
  return {hash, nullptr, std::move(suggested)};
}

// One line an event: "started f h1", "refused f: why".
std::string Text(const std::vector<CatalogEvent>& events) {
  std::string text;
  for (const CatalogEvent& event : events) {
    constexpr const char* kNames[] = {"started", "replaced", "removed",
                                      "waiting", "probed",   "refused"};
    text += std::string(text.empty() ? "" : "; ") + kNames[static_cast<int>(event.kind)] + " " +
            (event.function.empty() ? event.file : event.function);
    if (!event.candidate.sha256.empty()) text += " " + event.candidate.sha256;
    if (!event.reason.empty()) text += ": " + event.reason;
  }
  return text;
}

class CatalogTest : public ::testing::Test {
 protected:
  std::string Reconcile() { return Text(catalog_.Reconcile()); }
  void Start() {
    catalog_.YamlRead("f.yaml", Functions{Spec("f", "f.so")});
    catalog_.LibraryChanged("f.so");
    catalog_.LibraryRead("f.so", Good("h1"));
    ASSERT_EQ(Reconcile(), "started f h1");
  }
  Catalog catalog_{CatalogMode::kRun, "/functions"};
};

TEST_F(CatalogTest, YamlFirstWaitsForItsLibrary) {
  catalog_.YamlRead("f.yaml", Functions{Spec("f", "f.so")});
  EXPECT_EQ(Reconcile(), "waiting f: waiting for library f.so");
  EXPECT_EQ(Reconcile(), "") << "told once";
  EXPECT_EQ(catalog_.Problem("f"), "waiting for library f.so");
  catalog_.LibraryChanged("f.so");
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::ElementsAre("f.so"));
  catalog_.LibraryRead("f.so", Good("h1"));
  EXPECT_EQ(Reconcile(), "started f h1");
  EXPECT_EQ(catalog_.Problem("f"), std::nullopt);
}

TEST_F(CatalogTest, LibraryFirstIsNotEvenReadWithoutItsYaml) {
  catalog_.LibraryChanged("f.so");
  EXPECT_TRUE(catalog_.LibrariesToRead().empty());
  EXPECT_EQ(Reconcile(), "");
  catalog_.YamlRead("f.yaml", Functions{Spec("f", "./f.so")});
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::ElementsAre("f.so"));
}

TEST_F(CatalogTest, NewContentReplacesAndTheSameContentDoesNot) {
  Start();
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryRead("f.so", Good("h1"));
  EXPECT_EQ(Reconcile(), "");
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryRead("f.so", Good("h2"));
  EXPECT_EQ(Reconcile(), "replaced f h2");
  catalog_.YamlRead("f.yaml", Functions{Spec("f", "f.so", 2)});
  EXPECT_EQ(Reconcile(), "replaced f h2");
  FunctionSpec moved = Spec("f", "f.so", 2);
  moved.position = {"f.yaml", 9, 1};
  catalog_.YamlRead("f.yaml", Functions{moved});
  EXPECT_EQ(Reconcile(), "") << "only the line number changed";
}

TEST_F(CatalogTest, BadLibraryIsNamedAndTheOldOneStays) {
  Start();
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryRead("f.so", Fatal("f.so: truncated"));
  EXPECT_EQ(Reconcile(), "refused f: f.so: truncated");
  EXPECT_EQ(Reconcile(), "");
  catalog_.LibraryRemoved("f.so");
  EXPECT_EQ(Reconcile(), "waiting f: waiting for library f.so");
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryRead("f.so", Good("h1"));
  EXPECT_EQ(Reconcile(), "") << "it never stopped";
  EXPECT_EQ(catalog_.Problem("f"), std::nullopt);
}

TEST_F(CatalogTest, DelayedLibraryStaysToBeRead) {
  Start();
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryDelayed("f.so", "f.so: changed while it was read");
  EXPECT_EQ(Reconcile(), "waiting f: f.so: changed while it was read");
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::ElementsAre("f.so"));
}

TEST_F(CatalogTest, ALibraryThatIsProbedIsToldOfForAFunctionThatDoesNotRun) {
  catalog_.YamlRead("f.yaml", Functions{Spec("f", "f.so")});
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryProbed("f.so");
  EXPECT_EQ(Reconcile(), "probed f: library f.so is being probed");
  EXPECT_EQ(Reconcile(), "") << "told once";
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::ElementsAre("f.so"));
  catalog_.LibraryRead("f.so", Good("h1"));
  EXPECT_EQ(Reconcile(), "started f h1");

  catalog_.LibraryChanged("f.so");
  catalog_.LibraryProbed("f.so");
  EXPECT_EQ(Reconcile(), "") << "what runs is none the worse for it";
  EXPECT_EQ(catalog_.Problem("f"), std::nullopt);
  catalog_.LibraryRead("f.so", Fatal("f.so: crashes"));
  EXPECT_EQ(Reconcile(), "refused f: f.so: crashes");
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryProbed("f.so");
  EXPECT_EQ(Reconcile(), "");
  EXPECT_EQ(catalog_.Problem("f"), "f.so: crashes") << "until the outcome";
}

TEST_F(CatalogTest, WhatDelaysALibraryIsNotToldInTurnsWithItsProbe) {
  catalog_.YamlRead("f.yaml", Functions{Spec("f", "f.so")});
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryProbed("f.so");
  EXPECT_EQ(Reconcile(), "probed f: library f.so is being probed");
  catalog_.LibraryDelayed("f.so", "f.so: cannot be probed");
  EXPECT_EQ(Reconcile(), "waiting f: f.so: cannot be probed");
  catalog_.LibraryProbed("f.so");
  EXPECT_EQ(Reconcile(), "");
  catalog_.LibraryDelayed("f.so", "f.so: cannot be probed");
  EXPECT_EQ(Reconcile(), "");
  catalog_.LibraryRead("f.so", Good("h1"));
  EXPECT_EQ(Reconcile(), "started f h1");
}

TEST_F(CatalogTest, InDevALibraryThatIsProbedIsToldOf) {
  Catalog dev(CatalogMode::kDev, "/functions");
  dev.LibraryChanged("f.so");
  dev.LibraryProbed("f.so");
  EXPECT_EQ(Text(dev.Reconcile()), "probed f.so: library f.so is being probed");
  EXPECT_EQ(dev.Problem("f.so"), "library f.so is being probed");
  dev.LibraryRead("f.so", Fatal("f.so: crashes"));
  EXPECT_EQ(Text(dev.Reconcile()), "refused f.so: f.so: crashes");
}

TEST_F(CatalogTest, ASignatureLetsItsLibraryBeReadAgain) {
  Start();
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::IsEmpty());
  catalog_.SignatureChanged("f.so");
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::ElementsAre("f.so"));
  catalog_.SignatureChanged("another.so");
  EXPECT_THAT(catalog_.LibrariesToRead(), ::testing::ElementsAre("f.so")) << "it is not there";
}

TEST_F(CatalogTest, BadYamlKeepsItsFunctionsAndMissingYamlRemovesThem) {
  Start();
  catalog_.YamlRead("f.yaml", Fatal("f.yaml:1:1: error: nonsense"));
  EXPECT_EQ(Reconcile(), "refused f.yaml: f.yaml:1:1: error: nonsense");
  EXPECT_EQ(Reconcile(), "");
  catalog_.YamlRemoved("f.yaml");
  EXPECT_EQ(Reconcile(), "removed f");
  catalog_.YamlRead("f.yaml", Functions{Spec("f", "f.so")});
  EXPECT_EQ(Reconcile(), "started f h1");
  catalog_.YamlRead("f.yaml", Functions{});
  EXPECT_EQ(Reconcile(), "removed f");
}

TEST_F(CatalogTest, TwoFunctionsShareALibrary) {
  catalog_.YamlRead("f.yaml", Functions{Spec("a", "f.so"), Spec("b", "/functions/f.so")});
  catalog_.LibraryChanged("f.so");
  catalog_.LibraryRead("f.so", Good("h1"));
  EXPECT_EQ(Reconcile(), "started a h1; started b h1");
  catalog_.LibraryRead("f.so", Good("h2"));
  EXPECT_EQ(Reconcile(), "replaced a h2; replaced b h2");
}

TEST_F(CatalogTest, FunctionDeclaredTwiceIsRefusedAndWhatRunsStays) {
  Start();
  catalog_.YamlRead("g.yaml", Functions{Spec("f", "g.so")});
  EXPECT_EQ(Reconcile(), "refused f: function 'f' is declared in f.yaml and in g.yaml: keep one");
  catalog_.YamlRemoved("g.yaml");
  EXPECT_EQ(Reconcile(), "");
}

TEST_F(CatalogTest, InDevALibraryWithoutYamlRunsOnWhatItSuggests) {
  Catalog dev(CatalogMode::kDev, "/functions");
  dev.LibraryChanged("f.so");
  EXPECT_THAT(dev.LibrariesToRead(), ::testing::ElementsAre("f.so"));
  dev.LibraryRead("f.so", Good("h1", Spec("f", "f.so")));
  EXPECT_EQ(Text(dev.Reconcile()), "started f h1");
  dev.LibraryChanged("f.so");
  dev.LibraryRead("f.so", Fatal("f.so: truncated"));
  EXPECT_EQ(Text(dev.Reconcile()), "refused f: f.so: truncated");
  dev.LibraryRead("f.so", Good("h1", Spec("f", "f.so")));
  dev.YamlRead("f.yaml", Functions{Spec("f", "f.so", 2)});
  EXPECT_EQ(Text(dev.Reconcile()), "replaced f h1");
  dev.YamlRemoved("f.yaml");
  EXPECT_EQ(Text(dev.Reconcile()), "replaced f h1");
  dev.LibraryRemoved("f.so");
  EXPECT_EQ(Text(dev.Reconcile()), "removed f");
}

TEST(LibraryFileName, IsTheNameThatTheWatchGives) {
  EXPECT_EQ(LibraryFileName("f.so", "functions"), "f.so");
  EXPECT_EQ(LibraryFileName("./f.so", "./functions/"), "f.so");
  EXPECT_EQ(LibraryFileName("/a/functions/f.so", "/a/functions/"), "f.so");
  EXPECT_EQ(LibraryFileName("../lib/./f.so", "functions"), "../lib/f.so");
  EXPECT_EQ(LibraryFileName("/opt/f.so", "functions"), "/opt/f.so");
}

// A directory of two YAML files and two libraries with all that can be in them; 0 is absent.
struct Directory {
  int yaml[2] = {0, 0};
  int library[2] = {0, 0};

  static constexpr int kContents = 5;
  static Result<Functions> Yaml(int content) {
    switch (content) {
      case 1:
        return Functions{Spec("a", "x.so")};
      case 2:
        return Functions{Spec("a", "y.so"), Spec("b", "x.so")};
      case 3:
        return Functions{Spec("b", "y.so", 2)};
      default:
        return Fatal("bad yaml");
    }
  }
  static Result<Candidate> Library(int content) {
    if (content == 4) return Fatal("bad library");
    const std::string version = std::to_string(content);
    return Good("h" + version, Spec(content == 3 ? "c" : "d", "z.so"));
  }
  void Put(Catalog* catalog, int file) const {
    const std::string name = std::string(file % 2 ? "y" : "x") + (file < 2 ? ".yaml" : ".so");
    const int content = file < 2 ? yaml[file] : library[file - 2];
    if (file < 2 && content == 0)
      catalog->YamlRemoved(name);
    else if (file < 2)
      catalog->YamlRead(name, Yaml(content));
    else if (content == 0)
      catalog->LibraryRemoved(name);
    else
      catalog->LibraryChanged(name);
  }
  void Read(Catalog* catalog) const {
    for (const std::string& name : catalog->LibrariesToRead())
      catalog->LibraryRead(name, Library(library[name == "y.so"]));
  }
  bool good_yaml() const { return yaml[0] != 4 && yaml[1] != 4; }
};

using Running = std::map<std::string, std::string>;

void Apply(const std::vector<CatalogEvent>& events, Running* running) {
  for (const CatalogEvent& event : events) {
    if (event.kind == Kind::kRemoved) {
      ASSERT_EQ(running->erase(event.function), 1u) << event.function;
    } else if (event.kind == Kind::kStarted || event.kind == Kind::kReplaced) {
      ASSERT_EQ(running->contains(event.function), event.kind == Kind::kReplaced);
      (*running)[event.function] = event.candidate.sha256 + " " + event.spec.library + " " +
                                   std::to_string(event.spec.lanes);
    }
  }
}

// Whatever happened on the way, the end is that of a fresh look at the final directory; only what
// is bad or missing at the end may leave something older running.
void CheckInterleaving(uint32_t seed, CatalogMode mode) {
  std::mt19937 random(seed);  // NOLINT: repeats by its seed
  Directory directory;
  Catalog lived(mode, "/functions");
  Running running;
  for (int step = 0; step < 30; ++step) {
    const int file = static_cast<int>(random() % 4);
    const int content = static_cast<int>(random() % Directory::kContents);
    (file < 2 ? directory.yaml[file] : directory.library[file - 2]) = content;
    directory.Put(&lived, file);
    if (random() % 2) continue;
    directory.Read(&lived);
    Apply(lived.Reconcile(), &running);
  }
  directory.Read(&lived);
  Apply(lived.Reconcile(), &running);

  Catalog fresh(mode, "/functions");
  Running expected;
  for (int file = 3; file >= 0; --file)
    if (file < 2 ? directory.yaml[file] : directory.library[file - 2]) directory.Put(&fresh, file);
  directory.Read(&fresh);
  Apply(fresh.Reconcile(), &expected);
  if (!directory.good_yaml()) return;  // its last good functions count on
  if (mode == CatalogMode::kDev && (directory.library[0] == 4 || directory.library[1] == 4)) return;
  for (const char* name : {"a", "b", "c", "d", "x.yaml", "y.yaml", "x.so", "y.so"})
    EXPECT_EQ(lived.Problem(name), fresh.Problem(name)) << name;
  for (const auto& [name, what] : running) {
    if (!lived.Problem(name))
      EXPECT_EQ(expected[name], what) << name;
    else
      EXPECT_FALSE(expected.contains(name)) << name;
  }
  for (const auto& [name, what] : expected) EXPECT_TRUE(running.contains(name)) << name << what;
  EXPECT_EQ(Text(lived.Reconcile()), "");
}

TEST(CatalogProperty, AnyInterleavingEndsLikeAFreshLook) {
  for (uint32_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(seed);
    CheckInterleaving(seed, seed % 2 ? CatalogMode::kRun : CatalogMode::kDev);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace millrace::function
