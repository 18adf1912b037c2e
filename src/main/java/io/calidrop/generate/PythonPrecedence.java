package io.calidrop.generate;

import com.hubspot.jinjava.el.ExtendedSyntaxBuilder;
import com.hubspot.jinjava.el.ext.AstNamedParameter;
import com.hubspot.jinjava.el.ext.ExtendedParser;
import com.hubspot.jinjava.el.ext.NamedParameterOperator;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Parser;
import jinjava.de.odysseus.el.tree.impl.Scanner;
import jinjava.de.odysseus.el.tree.impl.ast.AstIdentifier;
import jinjava.de.odysseus.el.tree.impl.ast.AstNode;
import jinjava.de.odysseus.el.tree.impl.ast.AstUnary;
import jinjava.javax.el.ELException;

/**
 * The precedence of Python where Jinjava's is another: {@code not x is defined} means {@code not (x
 * is defined)} rather than {@code (not x) is defined}, which is always true, and {@code f(a=b - 1)}
 * means {@code f(a=(b - 1))}.
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

  @Override
  protected AstNode expr(boolean required) throws Scanner.ScanException, ParseException {
    if (getToken().getSymbol() != Scanner.Symbol.IDENTIFIER
        || lookahead(0) != NamedParameterOperator.TOKEN) {
      return super.expr(required);
    }
    AstIdentifier name = identifier(consumeToken().getImage());
    consumeToken();
    return new AstNamedParameter(name, expr(true));
  }

  /** Refuses filters and tests that do not exist; Jinjava alone takes their result for nothing. */
  @Override
  protected AstIdentifier createAstIdentifier(String name, int index) {
    Context known = JinjavaInterpreter.getCurrent().getContext();
    if (name.startsWith(FILTER_PREFIX)
        && known.getFilter(name.substring(FILTER_PREFIX.length())) == null) {
      throw new ELException("there is no filter " + name.substring(FILTER_PREFIX.length()));
    }
    if (name.startsWith(EXPTEST_PREFIX)
        && known.getExpTest(name.substring(EXPTEST_PREFIX.length())) == null) {
      throw new ELException("there is no test " + name.substring(EXPTEST_PREFIX.length()));
    }
    return super.createAstIdentifier(name, index);
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
