# SPDX-License-Identifier: Apache-2.0
import unittest
from pathlib import Path

import sizes
from function_sizes import functions_of


def names(text: str) -> list[tuple[str, int]]:
    return [(function.name, function.lines) for function in functions_of(text)]


class FunctionSizesTest(unittest.TestCase):
    def test_CountsFromTheDeclarationToTheClosingBrace(self):
        self.assertEqual(names("int a;\nint\nAdd(int x,\n    int y) {\n  return x + y;\n}\n"),
                         [("Add", 5)])

    def test_DeclarationsAndPrototypesAreNoFunctions(self):
        self.assertEqual(names("void A(int);\nA() = default;\nclass B;\nusing C = int();\n"), [])

    def test_NamespacesAndTypesAreLookedInto(self):
        text = ("namespace a::b {\nnamespace {\nclass [[nodiscard]] alignas(8) C final\n"
                "    : public D<void(int)> {\n public:\n  C() {}\n  int size() const noexcept {\n"
                "    return 1;\n  }\n};\n}\n}\nextern \"C\" {\nvoid e(void) {}\n}\n")
        self.assertEqual(names(text), [("C", 1), ("size", 3), ("e", 1)])

    def test_TemplatesAndTheirParametersAreNoTypes(self):
        text = ("template <class T, template <class> class U>\nstruct A {\n  void B() {}\n};\n"
                "template <typename T = struct X>\nstd::map<T, int> C(T t) {\n}\n"
                "template <class T>\n  requires(sizeof(T) > 4)\nstruct D {\n  void E() {}\n};\n"
                "template <>\nstruct F<void(int)> {\n  void G() {}\n};\n")
        self.assertEqual(names(text), [("B", 1), ("C", 3), ("E", 1), ("G", 1)])

    def test_AFunctionThatAnswersAStructIsAFunction(self):
        text = "struct stat Look(int fd) {\n}\nauto Name() -> std::string {\n}\nenum class E { kA };\n"
        self.assertEqual(names(text), [("Look", 2), ("Name", 2)])

    def test_MemberInitializersAreNotTheBody(self):
        text = ("A::A(int x)\n    : a_{1}, b_(x), c_<int>{2},\n      d_([] { return 3; }) {\n"
                "  Work();\n}\nA::~A() try : e_{} {\n} catch (...) {\n}\n")
        self.assertIn(("A::A", 5), names(text))
        self.assertIn(("A::~A", 2), names(text))

    def test_OperatorsAreNamed(self):
        text = ("bool operator<(A a, A b) { return a.x < b.x; }\nA& operator=(A a) {}\n"
                "void operator()(int) {}\nB operator<<(B b, A a) {\n}\noperator bool() const {}\n"
                "int operator\"\"_ms(unsigned long long v) {}\n")
        self.assertEqual([lines for _, lines in names(text)], [1, 1, 1, 2, 1, 1])
        self.assertEqual(names(text)[0][0], "operator<")

    def test_InitializersAreNoFunctions(self):
        text = ("int a{1};\nconst A b = {\n  .c = 1,\n};\nint d[] = {1,\n 2};\n"
                "std::function<void(int)> e{\n F};\nvoid G() {}\n")
        self.assertEqual(names(text), [("G", 1)])

    def test_LambdasOutsideOfFunctionsCount(self):
        text = ("const auto a = [](int x) -> int {\n  return x;\n};\n"
                "const Table b = {{\"x\", [](int) {\n  return 1;\n}}, {\"y\", 2}};\n"
                "bool c = Register(\"z\", [&] {\n  D();\n});\n")
        self.assertEqual(names(text), [("a", 3), ("lambda", 3), ("lambda", 3)])

    def test_LambdasAndTypesInAFunctionBelongToIt(self):
        text = "void A() {\n  struct B {\n    void C() {}\n  };\n  auto d = [] {\n  };\n}\nvoid E() {}\n"
        self.assertEqual(names(text), [("A", 7), ("E", 1)])

    def test_BracesInLiteralsAndCommentsDoNotCount(self):
        text = ('void A() {\n  const char* a = "}\\"}";\n  char b = \'}\'; char c = \'\\\'\';\n'
                '  auto d = R"x({{{ )" }\n)x";  // } " \'\n  /* } \n } */ int e = 1\'000;\n}\n'
                "void F() {}\n")
        self.assertEqual(names(text), [("A", 8), ("F", 1)])

    def test_MacrosCountAndDoNotUnbalance(self):
        text = ("#define OPEN(x) \\\n  if (x) { \\\n    Work(\"//\");\n#pragma once\n"
                "#define URL \"/*\"\nTEST(Name, IsASentence) {\n  OPEN(1)\n}\n")
        self.assertEqual(names(text), [("#define OPEN", 3), ("#define URL", 1), ("TEST", 3)])

    def test_OnlyTheFirstLiveBranchIsRead(self):
        text = ("#if A\nvoid B(int) {\n#elif C\nvoid B(long) {\n#else\nvoid B() {\n#endif\n"
                "  Work();\n}\n#if 0\nvoid D() {\n#else\nvoid E() {\n#endif\n}\n")
        self.assertEqual(names(text), [("B", 8), ("E", 3)])


class SizesTest(unittest.TestCase):
    def findings(self, name: str, text: str) -> list[str]:
        return sizes.check_file(Path(name), text)

    def test_RefusesAFunctionOverSeventyLines(self):
        body = "void Long() {\n" + "  Work();\n" * 68
        self.assertEqual(self.findings("a.cc", body + "}\n"), [])
        found = self.findings("tests/a.cc", "\n" + body + "  Work();\n}\n")
        self.assertEqual(len(found), 1)
        self.assertIn("tests/a.cc:2: Long takes 71 lines", found[0])

    def test_RefusesASourceOverFiveHundredLines(self):
        self.assertEqual(self.findings("a.cc", "int a;\n" * 500), [])
        self.assertIn("501 lines", self.findings("a.cc", "int a;\n" * 501)[0])

    def test_RefusesAHeaderOverThreeHundredLines(self):
        self.assertEqual(self.findings("a.h", "int a;\n" * 300), [])
        self.assertIn("301 lines", self.findings("a.h", "int a;\n" * 301)[0])
