// The compiler of TypeScript, for programs that are not in a file.

import ts from 'typescript';

/** The errors of the program `text`, compiled as if it were `file`. @param {string} file @param {string} text @param {ts.CompilerOptions} own options */
export function errorsOf(file, text, own) {
  const options = {
    strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, types: [], ...own,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? text : readFile(name));
  host.getSourceFile = (name, ...rest) => (name === file ? ts.createSourceFile(name, text, rest[0]) : getSourceFile(name, ...rest));
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((error) => `${error.file?.fileName === file ? '' : error.file?.fileName}${ts.flattenDiagnosticMessageText(error.messageText, ' ')}`);
}
