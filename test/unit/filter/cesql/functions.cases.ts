/** §3.5: dispatch and the built-in functions. */
import { cases, type ValueCase } from "./case.ts";

const dispatch = cases("3.5");
const length = cases("3.5.1 LENGTH");
const concat = cases("3.5.1 CONCAT");
const concatWs = cases("3.5.1 CONCAT_WS");
const letterCase = cases("3.5.1 LOWER, UPPER");
const trim = cases("3.5.1 TRIM");
const left = cases("3.5.1 LEFT");
const right = cases("3.5.1 RIGHT");
const substring = cases("3.5.1 SUBSTRING");
const abs = cases("3.5.2");

export const FUNCTIONS: readonly ValueCase[] = [
  dispatch.gives("NOWHERE()", false, ["missingFunction"]),
  dispatch.gives("NOWHERE(1, 'a')", false, ["missingFunction"]),
  dispatch.gives("LENGTH()", false, ["missingFunction"]),
  dispatch.gives("LENGTH('a', 'b')", false, ["missingFunction"]),
  dispatch.gives("SUBSTRING('a')", false, ["missingFunction"]),
  dispatch.gives("SUBSTRING('a', 1, 1, 1)", false, ["missingFunction"]),
  dispatch.gives("CONCAT_WS()", false, ["missingFunction"]),
  dispatch.gives("INT()", false, ["missingFunction"]),
  dispatch.gives("constructor('a')", false, ["missingFunction"]),
  // Nothing to evaluate the operands for.
  dispatch.gives("NOWHERE(1 / 0, subject)", false, ["missingFunction"]),
  dispatch.gives("length('abc')", 3),
  dispatch.gives("sUbStRiNg('abc', 2)", "bc"),

  length.gives("LENGTH('abc')", 3),
  length.gives("LENGTH('')", 0),
  length.gives("LENGTH('é')", 1),
  length.gives("LENGTH('🚀')", 1),
  length.gives("LENGTH('a🚀b🚀')", 4),
  length.gives("LENGTH('e\u0301')", 2),
  length.gives("LENGTH(-12)", 3),

  concat.gives("CONCAT('a', 'b', 'c')", "abc"),
  concat.gives("CONCAT('a')", "a"),
  concat.gives("CONCAT('', '')", ""),
  concat.gives("CONCAT(source, '/', id)", "/shop/1"),
  concat.gives("CONCAT(LEFT('abc', -1), INT('x'))", "abc0", ["functionEvaluation", "cast"]),

  concatWs.gives("CONCAT_WS(',', 'a', 'b', 'c')", "a,b,c"),
  concatWs.gives("CONCAT_WS(',')", ""),
  concatWs.gives("CONCAT_WS(',', 'a')", "a"),
  concatWs.gives("CONCAT_WS(',', '', '')", ","),
  concatWs.gives("CONCAT_WS('', 'a', 'b')", "ab"),
  concatWs.gives("CONCAT_WS(0, 1, 2)", "102"),

  letterCase.gives("LOWER('AbC')", "abc"),
  letterCase.gives("UPPER('AbC')", "ABC"),
  letterCase.gives("LOWER('ÀÉ')", "àé"),
  letterCase.gives("UPPER('àé')", "ÀÉ"),
  letterCase.gives("UPPER(true)", "TRUE"),
  letterCase.gives("LOWER('')", ""),

  trim.gives("TRIM('   a b c   ')", "a b c"),
  trim.gives("TRIM('a b c')", "a b c"),
  trim.gives("TRIM('')", ""),
  trim.gives("TRIM('   ')", ""),
  trim.gives("TRIM('\t\n\v\f\r a \t\n\v\f\r')", "a"),
  trim.gives("TRIM('\u00a0\u1680\u2003\u3000a\u2028\u2029\u202f\u205f')", "a"),
  trim.gives("TRIM('\u0085a\u0085')", "a"),
  trim.gives("TRIM('\u0000a\u0007')", "\u0000a\u0007"),
  trim.gives("TRIM('\ufeffa\u200b')", "\ufeffa\u200b"),
  trim.gives("TRIM('\u001fa\u007f')", "\u001fa\u007f"),

  left.gives("LEFT('abc', 2)", "ab"),
  left.gives("LEFT('abc', 3)", "abc"),
  left.gives("LEFT('abc', 10)", "abc"),
  left.gives("LEFT('abc', 0)", ""),
  left.gives("LEFT('', 0)", ""),
  left.gives("LEFT('abc', -2)", "abc", ["functionEvaluation"]),
  left.gives("LEFT('🚀🚀a', 2)", "🚀🚀"),
  left.gives("LEFT('🚀🚀a', 5)", "🚀🚀a"),

  right.gives("RIGHT('abc', 2)", "bc"),
  right.gives("RIGHT('abc', 10)", "abc"),
  right.gives("RIGHT('abc', 0)", ""),
  right.gives("RIGHT('', 0)", ""),
  right.gives("RIGHT('abc', -2)", "abc", ["functionEvaluation"]),
  right.gives("RIGHT('a🚀🚀', 2)", "🚀🚀"),
  right.gives("RIGHT('a🚀🚀', 4)", "a🚀🚀"),

  substring.gives("SUBSTRING('abcdef', 1)", "abcdef"),
  substring.gives("SUBSTRING('abcdef', 2)", "bcdef"),
  substring.gives("SUBSTRING('abcdef', 6)", "f"),
  substring.gives("SUBSTRING('abcdef', 7)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('Quadratically', 5)", "ratically"),
  substring.gives("SUBSTRING('Sakila', -3)", "ila"),
  substring.gives("SUBSTRING('abcdef', -6)", "abcdef"),
  substring.gives("SUBSTRING('abcdef', -7)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('abcdef', 0)", ""),
  substring.gives("SUBSTRING('', 0)", ""),
  substring.gives("SUBSTRING('', 1)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('abcdef', -2147483648)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('a🚀b', 2)", "🚀b"),
  substring.gives("SUBSTRING('a🚀b', -2)", "🚀b"),
  substring.gives("SUBSTRING('a🚀b', 4)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('abcdef', 1, 6)", "abcdef"),
  substring.gives("SUBSTRING('abcdef', 2, 4)", "bcde"),
  substring.gives("SUBSTRING('Sakila', -5, 3)", "aki"),
  substring.gives("SUBSTRING('abcdef', 4, 100)", "def"),
  substring.gives("SUBSTRING('abcdef', 4, 2147483647)", "def"),
  substring.gives("SUBSTRING('abcdef', 2, 0)", ""),
  substring.gives("SUBSTRING('abcdef', 0, 1)", ""),
  substring.gives("SUBSTRING('abcdef', 2, -1)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('abcdef', 0, -1)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('abcdef', 10, 10)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('abcdef', -10, 10)", "", ["functionEvaluation"]),
  substring.gives("SUBSTRING('a🚀b', 2, 1)", "🚀"),

  abs.gives("ABS(10)", 10),
  abs.gives("ABS(-10)", 10),
  abs.gives("ABS(0)", 0),
  abs.gives("ABS(-2147483647)", 2147483647),
  abs.gives("ABS(-2147483648)", 2147483647, ["math"]),
  abs.gives("ABS('x')", 0, ["cast"]),
];
