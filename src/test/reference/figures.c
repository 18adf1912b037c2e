// Figures of llama.cpp, one JSON object a call:
//   figures logits MODEL TOKEN...    logits after the last token, greedy continuation, perplexity of the second half
//   figures tokens MODEL < TEXTS     tokens of texts that a zero byte ends, without and with control tokens
#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 512, GREEDY = 24, TEXT = 1 << 16 };

static void silent(enum ggml_log_level level, const char *text, void *data) {
  if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
  (void)data;
}

static int best(const float *logits, int n) {
  int b = 0;
  for (int i = 1; i < n; i++)
    if (logits[i] > logits[b]) b = i;
  return b;
}

static void decode(struct llama_context *context, const llama_token *tokens, int from, int to) {
  struct llama_batch batch = llama_batch_init(to - from, 0, 1);
  for (int i = from; i < to; i++) {
    int at = batch.n_tokens++;
    batch.token[at] = tokens[i];
    batch.pos[at] = i;
    batch.n_seq_id[at] = 1;
    batch.seq_id[at][0] = 0;
    batch.logits[at] = 1;
  }
  if (llama_decode(context, batch)) exit(1);
  llama_batch_free(batch);
}

static void logits(struct llama_model *model, int n, char **args) {
  struct llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = CONTEXT;
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  struct llama_context *context = llama_init_from_model(model, params);
  int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_token tokens[CONTEXT];
  for (int i = 0; i < n; i++) tokens[i] = atoi(args[i]);
  decode(context, tokens, 0, n);
  double loss = 0;
  for (int i = n / 2; i < n; i++) {
    const float *row = llama_get_logits_ith(context, i - 1);
    double sum = 0;
    for (int v = 0; v < vocabulary; v++) sum += exp(row[v]);
    loss += log(sum) - row[tokens[i]];
  }
  const float *row = llama_get_logits_ith(context, n - 1);
  printf("{\"perplexity\": %.4f, \"logits\": [", exp(loss / (n - n / 2)));
  for (int v = 0; v < vocabulary; v++) printf("%s%.4f", v ? ", " : "", row[v]);
  printf("], \"greedy\": [");
  for (int i = 0; i < GREEDY; i++) {
    tokens[n + i] = best(row, vocabulary);
    float top = row[tokens[n + i]], second = -1e9f;
    for (int v = 0; v < vocabulary; v++)
      if (v != tokens[n + i] && row[v] > second) second = row[v];
    printf("%s[%d, %.3f]", i ? ", " : "", tokens[n + i], top - second);
    decode(context, tokens, n + i, n + i + 1);
    row = llama_get_logits_ith(context, 0);
  }
  printf("]}\n");
}

static void tokens(const struct llama_vocab *vocabulary) {
  static char text[TEXT];
  static llama_token out[TEXT];
  printf("[");
  int c, first = 1, length = 0;
  while ((c = getchar()) != EOF) {
    text[length++] = c;
    if (c) continue;
    for (int special = 0; special < 2; special++) {
      int n = llama_tokenize(vocabulary, text, length - 1, out, TEXT, false, special);
      printf("%s[", first ? "" : ", ");
      for (int i = 0; i < n; i++) printf("%s%d", i ? ", " : "", out[i]);
      printf("]");
      first = 0;
    }
    length = 0;
  }
  printf("]\n");
}

int main(int count, char **args) {
  if (count < 3) return 2;
  llama_log_set(silent, NULL);
  struct llama_model_params params = llama_model_default_params();
  params.vocab_only = !strcmp(args[1], "tokens");
  struct llama_model *model = llama_model_load_from_file(args[2], params);
  if (!model) return 1;
  if (params.vocab_only)
    tokens(llama_model_get_vocab(model));
  else
    logits(model, count - 3, args + 3);
  return 0;
}
