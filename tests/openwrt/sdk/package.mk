# Of OpenWrt's package.mk what shows what a recipe says. PKG_BUILD_DIR, PKG_INSTALL_DIR and INTO come from outside.
define BuildPackage
$(eval $(call Package/$(1)))
show:
	@$$(foreach name,PKG_NAME PKG_VERSION PKG_RELEASE PKG_SOURCE PKG_SOURCE_URL PKG_HASH PKG_MAINTAINER PKG_LICENSE \
		PKG_LICENSE_FILES SECTION CATEGORY TITLE URL DEPENDS USERID TARGET_CFLAGS TARGET_LDFLAGS MAKE_FLAGS \
		PKG_CONFIG_DEPENDS,echo '$$(name)=$$(strip $$($$(name)))';)
conffiles:
	@$$(foreach file,$$(Package/$(1)/conffiles),echo $$(file);)
install:
$(call Package/$(1)/install,$(INTO))
prepare:
$(Build/Prepare)
endef
