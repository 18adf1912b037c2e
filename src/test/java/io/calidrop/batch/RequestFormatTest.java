package io.calidrop.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Row 1 of the cases: what a request may hold. */
class RequestFormatTest {
  private static final GenerationOptions DEFAULTS = GenerationOptions.defaults();

  private static JsonNode json(String text) {
    try {
      return new ObjectMapper().readTree(text.replace('\'', '"'));
    } catch (JsonProcessingException e) {
      throw new AssertionError(text, e);
    }
  }

  private static RequestBody chat(String more) {
    String body = "{'messages':[{'role':'user','content':'Hi'}]" + more + "}";
    return RequestFormat.CHAT.read(json(body), DEFAULTS);
  }

  private static RequestBody messages(String messages) {
    return RequestFormat.CHAT.read(json("{'messages':[" + messages + "]}"), DEFAULTS);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'n':1",
        "'best_of':1",
        "'stream':false",
        "'stream_options':{}",
        "'user':'u1'",
        "'safety_identifier':'u1'",
        "'prompt_cache_key':'k'",
        "'service_tier':'auto'",
        "'metadata':{'a':'b'}",
        "'store':false",
        "'logprobs':false",
        "'top_logprobs':0",
        "'echo':false",
        "'suffix':''",
        "'logit_bias':{}",
        "'response_format':{'type':'text'}",
        "'modalities':['text']",
        "'verbosity':'medium'",
        "'tools':[]",
        "'functions':[]",
        "'tool_choice':'none'",
        "'tool_choice':'auto'",
        "'parallel_tool_calls':true",
        "'model':'m'",
        "'stop':[]",
        "'temperature':null,'stop':null,'seed':null,'n':null,'tools':null,'prompt':null,'typo':null"
      })
  void whatAsksForNothingIsAccepted(String field) {
    assertThat(chat("," + field)).isEqualTo(chat(""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'n':2 | n: 2 is not supported: it counts answers, and there is one; max_tokens counts tokens",
        "'best_of':3 | best_of: 3 is not supported",
        "'stream':true | stream: true is not supported: the answer comes whole",
        "'stream_options':{'include_usage':true} | stream_options: ",
        "'store':true | store: true is not supported: nothing is stored",
        "'logprobs':true | logprobs: true is not supported",
        "'logprobs':0 | logprobs: 0 is not supported",
        "'top_logprobs':2 | top_logprobs: 2 is not supported",
        "'echo':true | echo: true is not supported",
        "'suffix':'end' | suffix: \"end\" is not supported",
        "'logit_bias':{'5':1} | logit_bias: {\"5\":1} is not supported",
        "'response_format':{'type':'xml'} | response_format: {\"type\":\"xml\"} is not supported: a type is",
        "'response_format':{'type':'json_schema','json_schema':{'name':'x'}} | response_format: json_schema has no",
        "'response_format':{'type':'json_schema','json_schema':{'schema':{'not':{}}}} | response_format: the schema: not is",
        "'modalities':['text','audio'] | modalities: ",
        "'audio':{'voice':'x'} | audio: ",
        "'verbosity':'low' | verbosity: ",
        "'tools':[{'type':'function'}] | tools: {\"type\":\"function\"} is not supported: a tool is a function",
        "'tools':[{'type':'function','function':{'name':5}}] | tools: 5 is no text",
        "'tool_choice':'required' | tool_choice: there are no tools",
        "'tool_choice':'any' | tool_choice: \"any\" is not supported: it is \"none\", \"auto\"",
        "'tool_choice':{'type':'function','function':{'name':'f'}} | tool_choice: there is no function \"f\"",
        "'functions':[{'name':'f'}] | functions: [{\"name\":\"f\"}] is not supported: they are called tools",
        "'web_search_options':{} | web_search_options: {} is not supported",
        "'temprature':1 | unknown field \"temprature\"; is it \"temperature\"?",
        "'max_token':1 | unknown field \"max_token\"; is it \"max_tokens\"?",
        "'colour':1 | unknown field \"colour\"",
        "'temperature':'hot' | temperature: \"hot\" is no number",
        "'temperature':-3 | temperature: temperature is -3.0, allowed is",
        "'max_tokens':1.5 | max_tokens: 1.5 is no whole number",
        "'max_tokens':0 | max_tokens: the number of tokens must be at least 1",
        "'max_tokens':5,'max_completion_tokens':6 | max_completion_tokens: 6 differs from the other",
        "'stop':[''] | stop: a stop string must not be empty",
        "'stop':[1] | stop: 1 is no text",
        "'seed':9223372036854775808 | seed: 9223372036854775808 is no whole number of 64 bits",
        "'chat_template_kwargs':[1] | chat_template_kwargs: template arguments are an object",
        "'prompt':'x' | prompt: a chat has messages",
        "'user':5 | user: 5 is not supported: a name is a text"
      })
  void anythingElseIsRefusedByName(String field, String message) {
    assertThatThrownBy(() -> chat("," + field))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(message)
        .message()
        .doesNotContain("\n");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1719843298123L, Long.MAX_VALUE, Long.MIN_VALUE})
  void aSeedIsAnyWholeNumberOf64Bits(long seed) {
    assertThat(chat(",'seed':" + seed).options().sampling().seed()).isEqualTo(seed);
  }

  @Test
  void valuesBecomeOptions() {
    GenerationOptions options =
        chat(",'max_completion_tokens':7,'stop':['a','b'],'top_p':0,'top_k':3,'typical_p':0.5,"
                + "'repeat_last_n':9,'chat_template_kwargs':{'enable_thinking':false}")
            .options();
    assertThat(options.maxTokens()).isEqualTo(7);
    assertThat(options.stop()).containsExactly("a", "b");
    assertThat(options.sampling().isGreedy()).as("top_p 0 is the likeliest token").isTrue();
    assertThat(options.sampling().topK()).isEqualTo(3);
    assertThat(options.sampling().typicalP()).isEqualTo(0.5);
    assertThat(options.sampling().repeatLastN()).isEqualTo(9);
    assertThat(
            chat(",'chat_template_kwargs':{'enable_thinking':false},'reasoning_effort':'low'")
                .templateArguments()
                .toString())
        .isEqualTo("{enable_thinking=false, reasoning_effort=low}");
  }

  @Test
  void rolesAndParts() {
    String parts = "[{'type':'text','text':'Say '},{'type':'text','text':'hi'}]";
    assertThat(
            messages(
                    "{'role':'developer','content':'Be brief.','name':null},"
                        + "{'role':'user','content':"
                        + parts
                        + "},{'role':'assistant','content':null,'refusal':null,'tool_calls':[]},"
                        + "{'role':'user','content':'Go on'}")
                .messages())
        .containsExactly(
            ChatMessage.system("Be brief."),
            ChatMessage.user("Say hi"),
            ChatMessage.assistant(""),
            ChatMessage.user("Go on"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'role':'robot','content':'x'} | messages: number 1: a role is system, developer, user,",
        "{'role':'function','content':'x'} | messages: number 1: a role is system, developer, user,",
        "{'role':'user','content':'x','tool_call_id':'c'} | messages: number 1: tool_call_id: a message of this role",
        "{'role':'user'} | messages: number 1: the user's message has no content",
        "{'role':'user','content':5} | messages: number 1: a content is a text or a list of parts",
        "{'role':'user','contents':'x'} | messages: number 1: unknown field \"contents\"; is it \"content\"?",
        "{'role':'user','content':'x','name':'Bo'} | messages: number 1: name: \"Bo\" is not supported",
        "{'role':'assistant','tool_calls':[{}]} | messages: number 1: tool_calls: {} is no call of a function",
        "{'role':'user','content':[{'type':'image_url','image_url':{}}]} | messages: number 1: a part of type \"image_url\" is not supported",
        "{'role':'user','content':[{'type':'text','txt':'x'}]} | messages: number 1: unknown field \"txt\"; is it \"text\"?",
        "{'role':'user','content':['x']} | messages: number 1: a part is ",
        "'Hi' | messages: number 1: \"Hi\" is no message"
      })
  void wrongMessagesAreNamed(String message, String error) {
    assertThatThrownBy(() -> messages(message)).hasMessageStartingWith(error);
  }

  @Test
  void aPromptIsAMessageOrIsContinued() {
    JsonNode body = json("{'prompt':'Once upon','max_tokens':5}");
    RequestBody own = RequestFormat.OWN.read(body, DEFAULTS);
    assertThat(own.messages()).containsExactly(ChatMessage.user("Once upon"));
    assertThat(own.text()).isEmpty();
    RequestBody completion = RequestFormat.COMPLETION.read(body, DEFAULTS);
    assertThat(completion.messages()).isEmpty();
    assertThat(completion.text()).contains("Once upon");
    assertThat(RequestFormat.COMPLETION.read(json("{'prompt':['Once']}"), DEFAULTS).text())
        .contains("Once");
    for (String prompt : new String[] {"['a','b']", "[1,2]", "[[1,2]]", "[5]", "[]"}) {
      assertThatThrownBy(
              () -> RequestFormat.COMPLETION.read(json("{'prompt':" + prompt + "}"), DEFAULTS))
          .as(prompt)
          .hasMessageStartingWith("prompt: lists of texts or of tokens are not supported");
    }
    assertThatThrownBy(
            () ->
                RequestFormat.COMPLETION.read(
                    json("{'prompt':'x','chat_template_kwargs':{}}"), DEFAULTS))
        .hasMessageContaining("a completion has no chat template");
  }

  @ParameterizedTest
  @EnumSource
  void aRequestAsksSomething(RequestFormat format) {
    assertThatThrownBy(() -> format.read(json("{}"), DEFAULTS)).hasMessageContaining("has n");
    assertThatThrownBy(() -> format.read(json("[1]"), DEFAULTS))
        .hasMessage("the request is no JSON object: [1]");
  }
}
