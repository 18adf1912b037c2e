package io.calidrop.generate;

import com.hubspot.jinjava.el.ExtendedSyntaxBuilder;
import com.hubspot.jinjava.el.ext.ExtendedParser;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Parser;
import jinjava.de.odysseus.el.tree.impl.Scanner;
import jinjava.de.odysseus.el.tree.impl.ast.AstNode;
import jinjava.de.odysseus.el.tree.impl.ast.AstUnary;

/**
 * Reads {@code not x is defined} as {@code not (x is defined)}, like Python. Jinjava alone reads
 * {@code (not x) is defined}, which is always true.
 */
final class PythonPrecedence extends ExtendedParser {

  PythonPrecedence(Builder context, String expression) {
    super(context, expression);
  }

  @Override
  protected AstNode eq(boolean required) throws Scanner.ScanException, ParseException {
    if (getToken().getSymbol() != Scanner.Symbol.NOT) {
      return super.eq(required);
    }
    consumeToken();
    return createAstUnary(eq(true), AstUnary.NOT);
  }

  static final class Syntax extends ExtendedSyntaxBuilder {
    private static final long serialVersionUID = 1L;

    Syntax(Feature... features) {
      super(features);
    }

    @Override
    protected Parser createParser(String expression) {
      return new PythonPrecedence(this, expression);
    }
  }
}
